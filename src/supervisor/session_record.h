/* What a workspace's bundle keeps of its services and shells, for those who read it: a directory
 * for each, services/NAME or shells/ID, also after its end.
 *
 *   record.json           its record, written anew whenever something of it changes
 *   stdout.*, stderr.*    of a service: what it wrote last, in bytes (log.h)
 *   output.*              of a shell: what its terminal showed last, in characters
 */
#ifndef PYRO_SUPERVISOR_SESSION_RECORD_H
#define PYRO_SUPERVISOR_SESSION_RECORD_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

enum { PYRO_SESSION_NAME_SIZE = 65 };

#define PYRO_SERVICE_LOG_KEEP ((uint64_t)16 << 20) /* bytes of each stream */

enum pyro_session_kind { PYRO_SESSION_SERVICE, PYRO_SESSION_SHELL };

/* A letter or digit, then up to 63 letters, digits, '.', '_', '-': safe as a file's name. */
bool pyro_session_name_is_valid(const char *name);

/* Opens the directory of one: a descriptor, -ENOENT when there never was one, or another negative
 * errno. `bundle` is the bundle's directory. With `make`, it is made if it is not there. */
int pyro_session_open(int bundle, enum pyro_session_kind kind, const char *name, bool make);

/* The record as it was written last: a new reference, or NULL with a negative errno. */
json_t *pyro_session_read(int directory, int *ret_errno);

/* True while it has a process in the guest, in the books at least: a guest that is gone could not
 * write down the end of its sessions. */
bool pyro_session_is_running(const json_t *record);

/* The names of all there are, sorted. A new array, NULL when out of memory. */
json_t *pyro_session_list(int bundle, enum pyro_session_kind kind);

/* The record of one whose guest ended first says so. When it ended is to be set by who saw that. */
void pyro_session_lose(json_t *record);

/* Removes all that is kept of one. */
void pyro_session_remove(int bundle, enum pyro_session_kind kind, const char *name);

#endif
