/* pyro-template: makes one template in the background of the start that found none. Started by the
 * library only. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "template/make.h"

/* Whoever started this waits for the first process only, and its terminal is none of our business.
 * The start that wants the template's first clone has the first claim on the CPUs. */
static void become_daemon(void)
{
    pid_t pid = fork();
    if (pid != 0)
        _exit(pid < 0);
    setsid();
    if (nice(5) < 0)
        return;
}

static int make(struct pyro_template_source *source, const char *environment, const char *name,
                struct pyro_error *error)
{
    struct pyro_host host = {0};
    struct pyro_installation installation = {0};
    struct pyro_template_key key;
    int r = -1;
    source->host = &host;
    source->installation = &installation;
    source->environment = pyro_environment_find(environment, error);
    if (!source->environment || pyro_host_probe(source->home, &host, error) < 0)
        return -1;
    int in_use = pyro_installation_lock(source->home, source->environment, error);
    int templates = pyro_templates_open(source->home);
    if (in_use >= 0 && templates >= 0 &&
        pyro_installation_open(source->home, source->environment, &installation, error) == 0 &&
        pyro_template_key_init(&key, source) == 0) {
        /* The lock is for one name. What has changed since is for the next start to find. */
        if (strcmp(key.name, name) == 0)
            r = pyro_template_make_locked(source, &key, templates, NULL, error);
        else
            pyro_error_set(error, PYRO_ERROR_WRONG_STATE, "what %s is made of has changed", name);
        pyro_template_key_finish(&key);
    }
    if (in_use >= 0)
        close(in_use);
    if (templates >= 0)
        close(templates);
    pyro_installation_finish(&installation);
    pyro_host_finish(&host);
    return r;
}

int main(int argc, char **argv)
{
    if (argc != 9) {
        fprintf(stderr, "pyro-template is started by pyro, not by hand.\n");
        return 2;
    }
    struct pyro_home home;
    struct pyro_error error = PYRO_ERROR_INIT;
    struct pyro_template_source source = {.home = &home,
                                          .shape = {.vcpu_count = (unsigned)atoi(argv[4]),
                                                    .mem_mib = (unsigned)atoi(argv[5]),
                                                    .network = atoi(argv[6]) != 0}};
    become_daemon();
    fcntl(atoi(argv[7]), F_SETFD, FD_CLOEXEC); /* the template's lock: held until the end */
    if (pyro_home_init(&home, argv[1], argv[2], &error) < 0 ||
        pyro_home_create(&home, &error) < 0 || make(&source, argv[3], argv[8], &error) < 0) {
        fprintf(stderr, "pyro-template: %s\n", error.message);
        return 1;
    }
    pyro_home_finish(&home);
    return 0;
}
