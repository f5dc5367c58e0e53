/* Installations that are whole, damaged in every way, or described by a manifest that lies. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "environment/manifest.h"
#include "tap.h"

static char home_path[] = "/tmp/pyro-test-XXXXXX";
static struct pyro_home home = {.path = home_path, .directory_fd = -1};
static const struct pyro_environment *environment;
static int directory;

static const char *const files[] = {"rootfs.ext4", "overlay.qcow2", "vmlinuz", "modules.cpio"};

static void put(const char *file, const char *text)
{
    if (pyro_file_replace_at(directory, file, text, strlen(text), 0600, 0) < 0)
        abort();
}

/* A whole installation of small files. */
static void install(void)
{
    struct pyro_kernel_facts facts = {.file = "vmlinuz", .version = "6.1-test", .package_count = 7};
    struct pyro_error error = PYRO_ERROR_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        put(files[i], files[i]);
    if (pyro_manifest_write(directory, environment, &facts, &error) < 0)
        abort();
}

static int open_installation(struct pyro_error *ret_error)
{
    struct pyro_installation installation;
    *ret_error = (struct pyro_error)PYRO_ERROR_INIT;
    int r = pyro_installation_open(&home, environment, &installation, ret_error);
    pyro_installation_finish(&installation);
    return r == 0 ? 0 : (int)ret_error->code;
}

static void opens(const char *name)
{
    struct pyro_error error;
    if (!is_int(open_installation(&error), 0, name))
        printf("# %s\n", error.message);
}

static void is_damaged(const char *word, const char *name)
{
    struct pyro_error error;
    is_int(open_installation(&error), PYRO_ERROR_ENVIRONMENT_DAMAGED, name);
    if (!ok(strstr(error.message, word) != NULL, "%s: names %s", name, word))
        printf("# %s\n", error.message);
}

/* Changes one member of the manifest, at the top or in the entry of vmlinuz. */
static void edit(bool in_entry, const char *key, json_t *value)
{
    int r;
    cleanup_json json_t *manifest = pyro_json_file_read_at(directory, "manifest.json", 65536, &r);
    json_t *entry = json_object_get(json_object_get(manifest, "files"), "vmlinuz");
    if (value)
        json_object_set_new(in_entry ? entry : manifest, key, value);
    else
        json_object_del(in_entry ? entry : manifest, key);
    pyro_json_file_replace_at(directory, "manifest.json", manifest, 0);
}

static void test_whole(void)
{
    install();
    opens("a fresh installation");
    unlinkat(directory, "verified.json", 0);
    opens("without a stamp");
    ok(faccessat(directory, "verified.json", R_OK, 0) == 0, "the stamp is written again");
    put("verified.json", "[1, 2]");
    opens("with a stamp of the wrong type");
    put("verified.json", "{\"vmlinuz\": 3, \"rootfs.ext4\": {\"inode\": \"x\"}}");
    opens("with a stamp of wrong types inside");
    put("verified.json", "not JSON");
    opens("with a stamp that is not JSON");
}

static void test_damaged_files(void)
{
    install();
    unlinkat(directory, "vmlinuz", 0);
    is_damaged("vmlinuz", "a missing file");
    install();
    put("modules.cpio", "modules.cpix");
    is_damaged("digest", "a changed file of the same size");
    install();
    put("rootfs.ext4", "longer than it was");
    is_damaged("size", "a file of another size");
    install();
    unlinkat(directory, "vmlinuz", 0);
    symlinkat("rootfs.ext4", directory, "vmlinuz");
    is_damaged("regular", "a symlink in the place of a file");
    unlinkat(directory, "vmlinuz", 0);
    mkfifoat(directory, "vmlinuz", 0600);
    is_damaged("regular", "a fifo in the place of a file");
    unlinkat(directory, "vmlinuz", 0);
}

/* A stamp must not vouch for a digest that it did not see. */
static void test_stamp_binds_the_digest(void)
{
    install();
    opens("whole, stamp in place");
    edit(true, "sha256",
         json_string("0000000000000000000000000000000000000000000000000000000000000000"));
    is_damaged("digest", "a digest that was edited");
}

static void test_bad_manifests(void)
{
    static const struct {
        bool in_entry;
        const char *key, *value; /* JSON, NULL to delete */
    } edits[] = {
        {false, "format", "2"},
        {false, "format", "\"1\""},
        {false, "name", "\"debian:13\""},
        {false, "name", NULL},
        {false, "files", "[]"},
        {false, "files", "{\"../../etc/passwd\": {}}"},
        {false, "kernel", "\"vmlinux\""},
        {false, "kernel", "\"../rootfs.ext4\""},
        {false, "kernel", "\"rootfs.ext4\""},
        {false, "kernel", "7"},
        {false, "kernel", NULL},
        {false, "kernel_version", "\"../x\""},
        {false, "kernel_version", "5"},
        {false, "package_count", "-5"},
        {false, "package_count", "\"many\""},
        {false, "installed_at", "null"},
        {true, "size", "-1"},
        {true, "size", "\"7\""},
        {true, "sha256", "7"},
        {true, "sha256", "\"ABC\""},
        {true, "sha256", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
        char name[128];
        snprintf(name, sizeof(name), "manifest with %s = %s", edits[i].key,
                 edits[i].value ? edits[i].value : "nothing");
        install();
        edit(edits[i].in_entry, edits[i].key,
             edits[i].value ? json_loads(edits[i].value, JSON_DECODE_ANY, NULL) : NULL);
        is_damaged("manifest.json", name);
    }
    install();
    int r;
    cleanup_json json_t *manifest = pyro_json_file_read_at(directory, "manifest.json", 65536, &r);
    json_object_set_new(json_object_get(manifest, "files"), "../x", json_object());
    pyro_json_file_replace_at(directory, "manifest.json", manifest, 0);
    is_damaged("belong", "a file too many");
    put("manifest.json", "{\"format\": 1, \"format\": 1}");
    is_damaged("JSON", "a key twice");
    put("manifest.json", "");
    is_damaged("JSON", "an empty manifest");
    unlinkat(directory, "manifest.json", 0);
    is_damaged("manifest.json", "no manifest");
}

static void test_not_installed(void)
{
    struct pyro_error error;
    install();
    edit(false, "version", json_string("0"));
    is_int(open_installation(&error), PYRO_ERROR_NOT_INSTALLED,
           "another version counts as not installed");
    pyro_tree_remove_at(AT_FDCWD, home_path);
    is_int(open_installation(&error), PYRO_ERROR_NOT_INSTALLED, "no directory at all");
}

static void test_json(void)
{
    install();
    cleanup_json json_t *whole = pyro_environment_to_json(&home, environment, true);
    ok(pyro_json_boolean(whole, "installed", false), "installed");
    is_int(pyro_json_integer(whole, "package_count", 0), 7, "package_count");
    is_text(pyro_json_text(whole, "kernel_version", ""), "6.1-test", "kernel_version");
    ok(strncmp(pyro_json_text(whole, "rootfs_digest", ""), "sha256:", 7) == 0, "rootfs_digest");
    ok(json_is_array(json_object_get(whole, "templates")), "templates");
    cleanup_json json_t *brief = pyro_environment_to_json(&home, environment, false);
    ok(!json_object_get(brief, "rootfs_digest"), "brief entries say less");
    unlinkat(directory, "vmlinuz", 0);
    cleanup_json json_t *damaged = pyro_environment_to_json(&home, environment, true);
    ok(!pyro_json_boolean(damaged, "installed", true), "a damaged one is not installed");
    ok(json_object_get(damaged, "problem") != NULL, "and says why");
}

int main(void)
{
    environment = pyro_environment_find("debian:12", NULL);
    if (!environment || !mkdtemp(home_path))
        return 1;
    cleanup_free char *path = pyro_text_format("%s/environments/%s", home_path, environment->slug);
    pyro_directory_make(path);
    directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    test_whole();
    test_damaged_files();
    test_stamp_binds_the_digest();
    test_bad_manifests();
    test_json();
    test_not_installed();
    close(directory);
    return tap_done();
}
