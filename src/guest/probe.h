/* Waits in the guest until a service is ready (docs/PROTOCOL.md, "Probes"). */
#ifndef PYRO_GUEST_PROBE_H
#define PYRO_GUEST_PROBE_H

#include <stdint.h>

/* TYPE TARGET INTERVAL_MS TIMEOUT_MS. 0, or -1 after the line on stderr: what the last look saw. */
int pyro_probe(char *const *words);

/* How long until the next look; the last one is at the deadline. `now_ms` is before that. */
uint64_t pyro_probe_pause_ms(uint64_t begun_ms, uint64_t interval_ms, uint64_t now_ms,
                             uint64_t deadline_ms);

/* When a look that begins now has to be over: after `most_ms` (UINT64_MAX: none), and not much
 * later than the deadline of all looks. */
uint64_t pyro_probe_look_by(uint64_t begun_ms, uint64_t deadline_ms, uint64_t most_ms);

#endif
