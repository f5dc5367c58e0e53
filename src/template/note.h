/* NAME.note beside a template: why it could not be used the last time, and how often a guest could
 * not be restored from it. The next start makes it anew; after too many such failures guests boot.
 */
#ifndef PYRO_TEMPLATE_NOTE_H
#define PYRO_TEMPLATE_NOTE_H

#include <stdbool.h>

/* It was found damaged. */
void pyro_template_note(int templates, const char *name, const char *reason);
/* A guest could not be restored from the one made at that time (epoch seconds); or it could not
 * even be made: 0. Counts once for each. */
void pyro_template_note_failure(int templates, const char *name, const char *reason,
                                double made_at);
/* One could: the failures are forgotten, if there were any. */
void pyro_template_note_success(int templates, const char *name);

unsigned pyro_template_failures(int templates, const char *name);
/* Whether the last failure was of the one made at that time. */
bool pyro_template_has_failed(int templates, const char *name, double made_at);

#endif
