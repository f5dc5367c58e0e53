/* Names that somebody else chose, made fit for a message. */
#ifndef PYRO_WORKSPACE_SHOW_H
#define PYRO_WORKSPACE_SHOW_H

/* In quotes, valid UTF-8, without control characters, and short: of a long path, its end. Use it as
 * `pyro_show_path(path).text`. */
struct pyro_shown_path {
    char text[256];
};
struct pyro_shown_path pyro_show_path(const char *path);

#endif
