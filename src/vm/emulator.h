/* Which QEMU there is, and whether it will do. */
#ifndef PYRO_VM_EMULATOR_H
#define PYRO_VM_EMULATOR_H

#include <stdbool.h>
#include <stddef.h>

/* $PYRO_QEMU, else qemu-system-x86_64 in PATH. `ret_path` is NULL and `reason` says why when there
 * is none; only out of memory is an error. */
int pyro_emulator_find(char **ret_path, char *reason, size_t reason_size);

/* Runs it with --version. Empty text when it did not tell. */
void pyro_emulator_ask_version(const char *path, char *version, size_t version_size);

/* "7.2.22" of "QEMU emulator version 7.2.22 (Debian …)"; empty text when there is none. */
void pyro_emulator_parse_version(const char *output, char *version, size_t version_size);

/* Whether a QEMU of that version can run our machines. `reason` says why not, or what to know. */
bool pyro_emulator_judge(const char *path, const char *version, char *reason, size_t reason_size);

/* Whether an emulator of that version translates a program anew whenever it lies at another
 * address: before 8.0, and then it is half of what starting a program costs. */
bool pyro_emulator_wants_fixed_layout(const char *version);

/* Whether a QEMU of that version can open a file that is mapped privately for reading only. */
bool pyro_emulator_opens_read_only(const char *version);

#endif
