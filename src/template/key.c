#include "template/key.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/json.h"
#include "base/macros.h"
#include "base/text.h"
#include "environment/manifest.h"
#include "vm/command_line.h"
#include "vm/emulator.h"
#include "vm/host_cache.h"
#include "vm/tsc.h"

/* Found again by its name, and told apart by the manifest's `of`: no need for more than FNV-1a. */
static uint64_t hash(const char *text)
{
    uint64_t value = 0xcbf29ce484222325u;
    for (; *text; text++)
        value = (value ^ (unsigned char)*text) * 0x100000001b3u;
    return value;
}

/* QEMU's own words with a fixed name for every file: machine, devices, memory, vCPUs, the kernel's
 * command line. The TSC's frequency is compared by itself. */
static char *machine_words(const struct pyro_template_source *source)
{
    const struct pyro_machine_config config = {
        .qemu_path = (char *)"qemu",
        .bwrap_path = (char *)"bwrap",
        .kvm = source->host->accelerator == PYRO_ACCELERATOR_KVM,
        .tsc_khz = source->host->tsc_khz > 0,
        .fixed_layout = pyro_emulator_wants_fixed_layout(source->host->qemu_version),
        .vcpu_count = source->shape.vcpu_count,
        .mem_mib = source->shape.mem_mib,
        .network = source->shape.network,
        .ram = (char *)"ram",
    };
    const struct pyro_machine_ends ends = {0, 0, 0, 0};
    struct pyro_argv argv = {0};
    pyro_command_line_add(&argv, &config, &ends);
    char *words =
        argv.failed ? NULL : pyro_text_shell_join((const char *const *)argv.words, argv.count);
    pyro_argv_finish(&argv);
    return words;
}

static json_t *strings(const char *const *texts)
{
    json_t *list = json_array();
    for (; list && *texts; texts++)
        json_array_append_new(list, json_string(*texts));
    return list;
}

static json_t *make_inputs(const struct pyro_template_source *source)
{
    const struct pyro_host *host = source->host;
    const json_t *manifest = source->installation->manifest;
    cleanup_free char *words = machine_words(source);
    cleanup_free char *agent_path = pyro_text_format("%s/pyro-agent", source->home->libexec);
    cleanup_free char *agent = agent_path ? pyro_host_cache_file_mark(agent_path) : NULL;
    cleanup_free char *qemu = pyro_host_cache_file_mark(host->qemu_path);
    struct utsname kernel = {0};
    if (!words || !agent || !qemu)
        return NULL;
    /* With KVM the host's kernel decides what the guest's CPU can do. */
    if (host->accelerator == PYRO_ACCELERATOR_KVM)
        uname(&kernel);
    return json_pack(
        "{s:i, s:s, s:i, s:i, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o}",
        "format", PYRO_TEMPLATE_FORMAT, "environment", source->environment->name, "vcpu_count",
        (int)source->shape.vcpu_count, "mem_mib", (int)source->shape.mem_mib, "network",
        source->shape.network, "accelerator", pyro_accelerator_name(host->accelerator), "cpu",
        host->cpu, "host_kernel", kernel.release, "qemu", qemu, "qemu_version", host->qemu_version,
        "machine", words, "kernel", pyro_manifest_digest(manifest, pyro_manifest_kernel(manifest)),
        "modules", pyro_manifest_digest(manifest, "modules.cpio"), "rootfs",
        source->installation->rootfs_digest, "agent", agent, "warm_up",
        strings(pyro_warm_up_commands(source->environment)));
}

int pyro_template_key_init(struct pyro_template_key *key, const struct pyro_template_source *source)
{
    *key = (struct pyro_template_key){.inputs = make_inputs(source)};
    cleanup_free char *text =
        key->inputs ? json_dumps(key->inputs, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (!text) {
        pyro_template_key_finish(key);
        return -ENOMEM;
    }
    snprintf(key->name, sizeof(key->name), "%s-%016" PRIx64, source->environment->slug, hash(text));
    return 0;
}

void pyro_template_key_finish(struct pyro_template_key *key)
{
    json_decref(key->inputs);
    key->inputs = NULL;
}

bool pyro_template_tsc_fits(int64_t khz, uint32_t host_khz)
{
    enum { PARTS = 10000 }; /* 100 ppm: what the supervisor's corrections keep up with */
    if (khz == 0 && host_khz == 0)
        return true; /* KVM guests have a clock of their own, others know no frequency */
    return pyro_tsc_is_plausible(khz) &&
           llabs(khz - (int64_t)host_khz) <= (int64_t)host_khz / PARTS;
}
