/* Paths of this host that a model may name: below the roots the server was started with, and
 * nowhere else. What a path leads to is opened here and held, so that it cannot become something
 * else. */
#ifndef PYRO_MCP_PATHS_H
#define PYRO_MCP_PATHS_H

#include <stddef.h>

#include "operation/operation.h"

struct pyro_mcp_root;

struct pyro_mcp_paths {
    struct pyro_mcp_root *roots;
    size_t count;
    char *directory; /* that relative paths begin at */
    char *home;      /* the user's, "" if there is none */
};

/* `roots`: an array of directories, or NULL: the current one, unless the user's home is below it.
 * To be finished, also when it fails. */
int pyro_mcp_paths_init(struct pyro_mcp_paths *paths, const json_t *roots,
                        struct pyro_error *error);
void pyro_mcp_paths_finish(struct pyro_mcp_paths *paths);

/* Names of files and directories that hold secrets wherever they are, ends with NULL: they are left
 * out of what is read from the host. */
extern const char *const pyro_mcp_secrets[];

/* What the path leads to, or for an output the directory it is in. A descriptor (O_PATH), or -1 and
 * PYRO_ERROR_INVALID_PARAMETER that names `field`. */
int pyro_mcp_path_open(const struct pyro_mcp_paths *paths, const char *path,
                       enum pyro_host_path kind, const char *field, struct pyro_error *error);

#endif
