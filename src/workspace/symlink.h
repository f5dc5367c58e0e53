/* Where symlinks of a tree lead, by their text alone. */
#ifndef PYRO_WORKSPACE_SYMLINK_H
#define PYRO_WORKSPACE_SYMLINK_H

#include <stdbool.h>

enum pyro_lead {
    PYRO_LEAD_INSIDE,
    PYRO_LEAD_INSIDE_MAYBE, /* it turns back behind a name, which may be another symlink */
    PYRO_LEAD_WINDING,      /* the same, more often than anybody has a use for */
    PYRO_LEAD_ABSOLUTE,
    PYRO_LEAD_OUTSIDE,
};

/* From the symlink's own directory; `path` is where it lies in the tree. */
enum pyro_lead pyro_symlink_lead(const char *path, const char *target);
/* Absolute, or a ".." anywhere. */
bool pyro_symlink_climbs(const char *target);

#endif
