/* Puts together what this host can do for a VM. How each thing is found out is in a file of its
 * own; here is what may be remembered, and about what. */
#include "vm/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/json.h"
#include "base/macros.h"
#include "base/process.h"
#include "base/text.h"
#include "vm/accelerator.h"
#include "vm/cpu.h"
#include "vm/emulator.h"
#include "vm/host_cache.h"
#include "vm/jail_probe.h"
#include "vm/tsc.h"

#define COPY_TEXT(to, from) snprintf((to), sizeof(to), "%s", (from))

const char *pyro_accelerator_name(enum pyro_accelerator accelerator)
{
    static const char *const names[] = {[PYRO_ACCELERATOR_NONE] = "none",
                                        [PYRO_ACCELERATOR_TCG] = "tcg",
                                        [PYRO_ACCELERATOR_KVM] = "kvm"};
    return (size_t)accelerator < ARRAY_SIZE(names) ? names[accelerator] : "none";
}

static void find_accelerator(struct pyro_host *host, struct pyro_host_cache *cache)
{
    struct pyro_kvm_verdict verdict = {0};
    const json_t *known = pyro_host_cache_get(cache, "kvm", "");
    const char *reason = pyro_json_text(known, "reason", NULL);
    if (!reason) {
        pyro_kvm_probe(&verdict);
        if (verdict.lasting)
            pyro_host_cache_put(cache, "kvm", "",
                                json_pack("{s:b, s:f, s:s}", "usable", verdict.usable, "probe_ms",
                                          verdict.probe_ms, "reason", verdict.reason));
    } else if (pyro_kvm_opens(&verdict)) {
        verdict.usable = pyro_json_boolean(known, "usable", false);
        verdict.probe_ms = pyro_json_real(known, "probe_ms", 0);
        COPY_TEXT(verdict.reason, reason);
    }
    host->accelerator = verdict.usable ? PYRO_ACCELERATOR_KVM : PYRO_ACCELERATOR_TCG;
    host->accelerator_probe_ms = verdict.probe_ms;
    COPY_TEXT(host->accelerator_reason, verdict.reason);
}

static void find_tsc(struct pyro_host *host, struct pyro_host_cache *cache)
{
    const json_t *known = pyro_host_cache_get(cache, "tsc", "");
    const char *reason = pyro_json_text(known, "reason", NULL);
    int64_t khz = pyro_json_integer(known, "khz", -1);
    if (reason && (khz == 0 || pyro_tsc_is_plausible(khz))) {
        host->tsc_khz = (uint32_t)khz;
        COPY_TEXT(host->tsc_reason, reason);
        return;
    }
    host->tsc_khz = pyro_tsc_find(host->tsc_reason, sizeof(host->tsc_reason));
    pyro_host_cache_put(
        cache, "tsc", "",
        json_pack("{s:i, s:s}", "khz", (int)host->tsc_khz, "reason", host->tsc_reason));
}

/* Asking the CPU is slow inside a VM, where each question goes to the hypervisor. */
static void find_cpu(struct pyro_host *host, struct pyro_host_cache *cache)
{
    const char *known = pyro_json_text(pyro_host_cache_get(cache, "cpu", ""), "text", NULL);
    if (known) {
        COPY_TEXT(host->cpu, known);
        return;
    }
    pyro_cpu_identify(host->cpu, sizeof(host->cpu));
    pyro_host_cache_put(cache, "cpu", "", json_pack("{s:s}", "text", host->cpu));
}

static int find_qemu(struct pyro_host *host, struct pyro_host_cache *cache)
{
    int r = pyro_emulator_find(&host->qemu_path, host->qemu_reason, sizeof(host->qemu_reason));
    if (r < 0 || !host->qemu_path)
        return r;
    cleanup_free char *mark = pyro_host_cache_file_mark(host->qemu_path);
    if (!mark)
        return -1;
    const char *known = pyro_json_text(pyro_host_cache_get(cache, "qemu", mark), "version", NULL);
    if (known) {
        COPY_TEXT(host->qemu_version, known);
    } else {
        pyro_emulator_ask_version(host->qemu_path, host->qemu_version, sizeof(host->qemu_version));
        if (host->qemu_version[0])
            pyro_host_cache_put(cache, "qemu", mark,
                                json_pack("{s:s}", "version", host->qemu_version));
    }
    if (!pyro_emulator_judge(host->qemu_path, host->qemu_version, host->qemu_reason,
                             sizeof(host->qemu_reason)))
        free(steal_pointer(&host->qemu_path));
    return 0;
}

/* Only a jail that works is remembered: what forbids one is often put right without a reboot. */
static int find_jail(struct pyro_host *host, struct pyro_host_cache *cache)
{
    host->bwrap_path = pyro_program_find("bwrap");
    if (!host->bwrap_path) {
        COPY_TEXT(host->jail_reason, "bubblewrap is not installed (package bubblewrap)");
        return 0;
    }
    cleanup_free char *bwrap = pyro_host_cache_file_mark(host->bwrap_path);
    cleanup_free char *qemu = pyro_host_cache_file_mark(host->qemu_path);
    cleanup_free char *of =
        bwrap && qemu ? pyro_text_format("%s, %s, uid %u", bwrap, qemu, (unsigned)geteuid()) : NULL;
    if (!of)
        return -1;
    if (pyro_host_cache_get(cache, "jail", of)) {
        host->jail = true;
        return 0;
    }
    host->jail = pyro_jail_probe(host->bwrap_path, host->qemu_path, host->jail_reason,
                                 sizeof(host->jail_reason));
    if (host->jail)
        pyro_host_cache_put(cache, "jail", of, json_object());
    return 0;
}

int pyro_host_probe(const struct pyro_home *home, struct pyro_host *ret_host,
                    struct pyro_error *error)
{
    struct pyro_host host = {0};
    struct pyro_host_cache cache;
    pyro_host_cache_load(&cache, home);
    find_accelerator(&host, &cache);
    find_tsc(&host, &cache);
    find_cpu(&host, &cache);
    int r = find_qemu(&host, &cache);
    if (r == 0)
        r = find_jail(&host, &cache);
    pyro_host_cache_finish(&cache, home);
    if (r < 0) {
        pyro_host_finish(&host);
        return pyro_error_no_memory(error);
    }
    if (!host.qemu_path)
        host.accelerator = PYRO_ACCELERATOR_NONE;
    if (host.jail)
        COPY_TEXT(host.jail_reason, "bubblewrap runs QEMU in namespaces of its own");
    host.passt_path = pyro_program_find("passt");
    struct sysinfo info;
    if (sysinfo(&info) == 0)
        host.memory_bytes = (uint64_t)info.totalram * info.mem_unit;
    host.cpu_count = (unsigned)MAX(sysconf(_SC_NPROCESSORS_ONLN), 1L);
    *ret_host = host;
    return 0;
}

void pyro_host_finish(struct pyro_host *host)
{
    free(host->qemu_path);
    free(host->bwrap_path);
    free(host->passt_path);
    *host = (struct pyro_host){0};
}

int pyro_host_check(const struct pyro_host *host, bool wants_network, struct pyro_error *error)
{
    if (!host->qemu_path) {
        pyro_error_set(error, PYRO_ERROR_NO_VM, "no VM can be started on this host: %s",
                       host->qemu_reason);
        return pyro_error_hint(error,
                               "install QEMU (apt-get install qemu-system-x86)%s; `pyro doctor` "
                               "tells what else is missing",
                               getenv("PYRO_QEMU") ? " or unset PYRO_QEMU" : "");
    }
    if (wants_network && !host->passt_path) {
        pyro_error_set(error, PYRO_ERROR_MISSING_PROGRAM,
                       "no VM with a network can be started on this host: passt is not installed");
        return pyro_error_hint(error, "install passt (apt-get install passt), or leave the network "
                                      "off");
    }
    return 0;
}

const char *pyro_host_isolation(const struct pyro_host *host)
{
    switch (host->accelerator) {
    case PYRO_ACCELERATOR_KVM:
        return host->jail ? "kvm+jail" : "kvm";
    case PYRO_ACCELERATOR_TCG:
        return host->jail ? "tcg+jail" : "tcg";
    default:
        return "none";
    }
}
