#include "guest/seal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "guest/command.h"
#include "guest/console.h"
#include "guest/identity.h"
#include "guest/network.h"

/* Everything, not only what is still in a command's cgroup. */
static void end_commands(struct pyro_agent *agent)
{
    enum { PATIENCE_MS = 10000 };
    pyro_commands_abandon(agent);
    if (!pyro_processes_end(PATIENCE_MS))
        pyro_power_off_because("cannot be sealed: a process does not end");
    pyro_agent_drain_signals(agent);
    pyro_cgroups_sweep(&agent->cgroups);
    if (agent->cgroups.leftovers)
        pyro_power_off_because("cannot be sealed: a command's cgroup cannot be removed");
}

static int empty_directory(const char *path, const char *kept)
{
    int r = 0;
    DIR *stream = opendir(path);
    if (!stream)
        return errno == ENOENT ? 0 : -errno;
    for (struct dirent *entry; r == 0 && (entry = readdir(stream));) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, kept) != 0)
            r = pyro_tree_remove_at(dirfd(stream), name);
    }
    closedir(stream);
    return r;
}

static void remove_traces(void)
{
    static const struct {
        const char *path, *kept;
    } directories[] = {
        {"/tmp", ""}, {"/var/tmp", ""}, {"/dev/shm", ""}, {"/run/lock", ""}, {"/run", "lock"},
    };
    static const char *const histories[] = {"/root/.bash_history", "/root/.ash_history",
                                            "/root/.zsh_history", "/root/.python_history"};
    for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
        int r = empty_directory(directories[i].path, directories[i].kept);
        if (r < 0)
            pyro_power_off_because("cannot be sealed: cannot empty %s: %s", directories[i].path,
                                   strerror(-r));
    }
    for (size_t i = 0; i < ARRAY_SIZE(histories); i++)
        unlink(histories[i]);
}

/* What the kernel does later on its own (it frees cgroups and processes after a grace period) is
 * done once here, not in every copy. Nothing tells when it is done. */
static void let_kernel_finish(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 300 * 1000000}, NULL);
}

void pyro_seal(struct pyro_agent *agent)
{
    end_commands(agent);
    agent->has_identity = false;
    remove_traces();
    pyro_port_wipe(&agent->port);
    pyro_network_seal();
    sync();
    pyro_spare_make(agent);
    pyro_identity_map();
    agent->is_sealed = true;
    let_kernel_finish();
}
