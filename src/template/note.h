/* NAME.note beside a template: why it could not be used the last time, and how often a guest could
 * not be restored from it. The next start makes it anew; after too many such failures guests boot.
 */
#ifndef PYRO_TEMPLATE_NOTE_H
#define PYRO_TEMPLATE_NOTE_H

#include <stdbool.h>

/* It was found damaged. */
void pyro_template_note(int templates, const char *name, const char *reason);
/* A guest could not be restored from it. */
void pyro_template_note_failure(int templates, const char *name, const char *reason);
/* One could: the failures are forgotten, if there were any. */
void pyro_template_note_success(int templates, const char *name);

unsigned pyro_template_failures(int templates, const char *name);
/* Whether the last failure was after that time (epoch seconds). */
bool pyro_template_failed_since(int templates, const char *name, double since);

#endif
