/* Starting programs on the host: argument vector, descriptors, environment, ties to the parent. */
#ifndef PYRO_BASE_PROCESS_H
#define PYRO_BASE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A growing argument vector. Out of memory is remembered and reported by pyro_spawn(). */
struct pyro_argv {
    char **words; /* NULL-terminated once anything was added */
    size_t count;
    bool failed;
};

void pyro_argv_finish(struct pyro_argv *argv);
void pyro_argv_add(struct pyro_argv *argv, const char *word);
void pyro_argv_addf(struct pyro_argv *argv, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Adds words up to a NULL. */
void pyro_argv_add_all(struct pyro_argv *argv, const char *const *words);

struct pyro_spawn {
    char *const *argv;                  /* argv[0] is a path, or a name that is looked up in PATH */
    char *const *environ;               /* NULL: the caller's */
    const char *directory;              /* working directory; NULL: the caller's */
    int stdin_fd, stdout_fd, stderr_fd; /* -1: /dev/null */
    const int *keep; /* descriptors that stay open under the same number in the child */
    size_t keep_count;
    int death_signal;   /* sent when the starting thread ends; 0: none */
    bool first_process; /* of a PID namespace of its own, so that nothing it starts outlives it */
    bool new_session;   /* setsid(): away from the terminal */
    bool new_group;     /* own process group */
};

/* Starts a program with all signals at their default, nothing blocked, and no descriptor beyond
 * those named. Returns 0 and a pid (the caller reaps it), or a negative errno: that of exec when
 * exec failed. */
int pyro_spawn(const struct pyro_spawn *spawn, pid_t *ret_pid);

/* Waits for a child's end. Returns its wait status, or a negative errno. */
int pyro_process_wait(pid_t pid);

/* A descriptor that becomes readable when the process ends, or a negative errno. */
int pyro_process_open(pid_t pid);

/* Path of a program in PATH (or /usr/sbin, /sbin), to be freed, or NULL when it is not there. */
char *pyro_program_find(const char *name);

/* Runs a program to its end and keeps at most `cap` bytes of its stdout and stderr together.
 * Returns its exit status 0-255, 128+N for a signal, or a negative errno (-ETIMEDOUT after the
 * time limit, when it was killed). `ret_output` is NUL-terminated and to be freed; may be NULL. */
int pyro_program_run(char *const *argv, unsigned timeout_ms, size_t cap, char **ret_output);

#endif
