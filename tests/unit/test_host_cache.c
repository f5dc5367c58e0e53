/* The cache of host verdicts: kept for one boot, and harmless whatever a user writes into it. */
#include "tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "vm/emulator.h"
#include "vm/host.h"
#include "vm/host_cache.h"
#include "vm/tsc.h"

static char directory[] = "/tmp/pyro-test-host-XXXXXX";

static void write_cache(const struct pyro_home *home, const char *text)
{
    pyro_file_replace_at(home->directory_fd, "cache/host.json", text, strlen(text), 0600, 0);
}

static void test_round_trip(const struct pyro_home *home)
{
    struct pyro_host_cache cache;
    pyro_host_cache_load(&cache, home);
    ok(!pyro_host_cache_get(&cache, "kvm", "x"), "empty at first");
    pyro_host_cache_put(&cache, "kvm", "x", json_pack("{s:i}", "n", 7));
    pyro_host_cache_finish(&cache, home);
    pyro_host_cache_load(&cache, home);
    is_int(pyro_json_integer(pyro_host_cache_get(&cache, "kvm", "x"), "n", 0), 7, "kept");
    ok(!pyro_host_cache_get(&cache, "kvm", "y"), "but not about something else");
    ok(!pyro_host_cache_get(&cache, "tsc", "x"), "nor under another key");
    pyro_host_cache_finish(&cache, home);

    write_cache(home, "{\"boot_id\": \"another\", \"verdicts\": {\"kvm\": {\"of\": \"x\"}}}");
    pyro_host_cache_load(&cache, home);
    ok(!pyro_host_cache_get(&cache, "kvm", "x"), "forgotten after a boot");
    pyro_host_cache_finish(&cache, home);
}

static void test_edited(const struct pyro_home *home)
{
    static const char *const edits[] = {
        "",
        "[]",
        "{}",
        "nonsense",
        "{\"boot_id\": 5}",
        "{\"boot_id\": \"%s\"}",
        "{\"boot_id\": \"%s\", \"verdicts\": []}",
        "{\"boot_id\": \"%s\", \"verdicts\": {\"kvm\": 1, \"tsc\": [], \"qemu\": \"x\"}}",
        "{\"boot_id\": \"%s\", \"verdicts\": {\"kvm\": {\"of\": 3}, \"tsc\": {\"of\": \"\"}}}",
        "{\"boot_id\": \"%s\", \"verdicts\": {\"kvm\": {\"of\": \"\", \"reason\": 4}}}",
        "{\"boot_id\": \"%s\", \"verdicts\": {\"tsc\": {\"of\": \"\", \"khz\": -5, \"reason\": "
        "\"r\"}}}",
        "{\"boot_id\": \"%s\", \"verdicts\": {\"tsc\": {\"of\": \"\", \"khz\": 1e15, \"reason\": "
        "\"r\"}}}",
        "{\"boot_id\": \"%s\", \"verdicts\": {\"tsc\": {\"of\": \"\", \"khz\": 99999999999, "
        "\"reason\": \"\"}}}",
    };
    char boot_id[64] = "", text[1024];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ok(read(fd, boot_id, 36) == 36, "the host tells its boot");
    close(fd);
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        struct pyro_host host;
        snprintf(text, sizeof(text), edits[i], boot_id);
        write_cache(home, text);
        is_int(pyro_host_probe(home, &host, NULL), 0, edits[i]);
        ok(host.tsc_khz == 0 || pyro_tsc_is_plausible(host.tsc_khz), "the TSC is sane");
        ok(host.accelerator_reason[0] && host.jail_reason[0] && host.qemu_reason[0],
           "everything has a reason");
        pyro_host_finish(&host);
    }
}

static void test_lacking(const struct pyro_home *home)
{
    struct pyro_host host;
    struct pyro_error error = PYRO_ERROR_INIT;
    setenv("PYRO_QEMU", "/nonexistent/qemu", 1);
    is_int(pyro_host_probe(home, &host, &error), 0, "a missing QEMU is no failure of the probe");
    is_int(host.accelerator, PYRO_ACCELERATOR_NONE, "there is no accelerator then");
    is_text(pyro_host_isolation(&host), "none", "nor isolation");
    is_int(pyro_host_check(&host, false, &error), -1, "and no VM");
    is_int(error.code, PYRO_ERROR_NO_VM, "as its own error");
    ok(error.hint[0] != '\0', "with a next step");
    pyro_host_finish(&host);
    unsetenv("PYRO_QEMU");

    struct pyro_home nowhere = {.path = "/proc/nowhere", .directory_fd = -1};
    is_int(pyro_host_probe(&nowhere, &host, NULL), 0, "no home: probed without a cache");
    pyro_host_finish(&host);
}

static void test_parsers(void)
{
    static const struct {
        const char *output, *version;
    } cases[] = {
        {"QEMU emulator version 7.2.22 (Debian 1:7.2)\n", "7.2.22"},
        {"QEMU emulator version 10.0.2\n", "10.0.2"},
        {"cat (GNU coreutils) 9.1\nLicense GPL version 3\n", ""},
        {"QEMU emulator version ", ""},
        {"", ""},
    };
    char version[64], reason[256];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        pyro_emulator_parse_version(cases[i].output, version, sizeof(version));
        is_text(version, cases[i].version, "version");
    }
    ok(pyro_emulator_judge("q", "7.2.22", reason, sizeof(reason)), "7.2 will do");
    ok(!pyro_emulator_judge("q", "4.2.1", reason, sizeof(reason)), "4.2 will not");
    ok(!pyro_emulator_judge("q", "", reason, sizeof(reason)), "nor one that does not run");
    ok(pyro_tsc_is_constant("flags\t\t: fpu constant_tsc nonstop_tsc\nbugs: x\n"), "constant");
    ok(!pyro_tsc_is_constant("flags\t\t: fpu constant_tsc\nbugs: nonstop_tsc\n"), "may stop");
    ok(!pyro_tsc_is_constant("flags\t\t: xconstant_tsc nonstop_tscx\n"), "other words");
    ok(!pyro_tsc_is_constant(""), "nothing told");
}

int main(void)
{
    if (!mkdtemp(directory))
        return 1;
    struct pyro_home home = {.path = directory, .directory_fd = -1};
    is_int(pyro_home_create(&home, NULL), 0, "a home");
    test_round_trip(&home);
    test_edited(&home);
    test_lacking(&home);
    test_parsers();
    close(home.directory_fd);
    pyro_tree_remove_at(AT_FDCWD, directory);
    return tap_done();
}
