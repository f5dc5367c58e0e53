/* Waits in the guest until a service is ready (docs/PROTOCOL.md, "Probes"). */
#ifndef PYRO_GUEST_PROBE_H
#define PYRO_GUEST_PROBE_H

/* TYPE TARGET INTERVAL_MS TIMEOUT_MS. 0, or -1 after the line on stderr: what the last look saw. */
int pyro_probe(char *const *words);

#endif
