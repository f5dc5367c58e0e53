/* The files in /etc that say who this guest is. */
#ifndef PYRO_GUEST_IDENTITY_H
#define PYRO_GUEST_IDENTITY_H

enum pyro_identity_file {
    PYRO_IDENTITY_HOSTNAME,
    PYRO_IDENTITY_HOSTS,
    PYRO_IDENTITY_MACHINE_ID,
    PYRO_IDENTITY_RESOLVER,
};

/* Before the guest is frozen, after the last sync: prepares all of them to be overwritten in
 * memory. One that cannot be is replaced on the disk later, as without this. */
void pyro_identity_map(void);

/* Ends that. A mapping stays with the file that was mapped, even when a program in the guest has
 * put another one in its place, so it is good for the first SETUP only; and it keeps the disk from
 * becoming read-only. */
void pyro_identity_unmap(void);

/* The text of a file that is mapped, NULL when it is not. */
const char *pyro_identity_mapped(enum pyro_identity_file file);

/* Puts a text in force. 0 or a negative errno. */
int pyro_identity_write(enum pyro_identity_file file, const char *text);

#endif
