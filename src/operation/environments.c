/* The env_* operations. */
#include "environment/environment.h"

#include "base/json.h"
#include "operation/pull.h"
#include "operation/table.h"
#include "template/template.h"

#define ENTRY_FIELDS                                                                               \
    {.name = "name", .type = PYRO_TYPE_STRING, .help = "Name, for example debian:12"},             \
        {.name = "version", .type = PYRO_TYPE_STRING, .help = "Version of its recipe"},            \
        {.name = "description", .type = PYRO_TYPE_STRING, .help = "What it is for"},               \
        {.name = "platform", .type = PYRO_TYPE_STRING, .help = "linux/amd64"},                     \
        {.name = "distribution", .type = PYRO_TYPE_STRING, .help = "debian"},                      \
        {.name = "distribution_version", .type = PYRO_TYPE_STRING, .help = "12"},                  \
        {.name = "default_packages",                                                               \
         .type = PYRO_TYPE_STRINGS,                                                                \
         .help = "Packages beyond the minimal base"},                                              \
        {.name = "source", .type = PYRO_TYPE_STRING, .help = "What it is built from"},             \
        {.name = "installed",                                                                      \
         .type = PYRO_TYPE_BOOLEAN,                                                                \
         .help = "Whether it is here, whole and as its manifest says"},                            \
    {                                                                                              \
        .name = "problem", .type = PYRO_TYPE_STRING, .nullable = true,                             \
        .help = "What is wrong with an installation that is damaged"                               \
    }

#define WHEN_INSTALLED(field, kind, text)                                                          \
    {                                                                                              \
        .name = field, .type = kind, .nullable = true, .help = text                                \
    }

static const struct pyro_field entry_fields[] = {ENTRY_FIELDS, {0}};

static const struct pyro_field list_fields[] = {
    {.name = "catalog_version", .type = PYRO_TYPE_STRING, .help = "Version of the catalog"},
    {.name = "environments",
     .type = PYRO_TYPE_OBJECTS,
     .members = entry_fields,
     .help = "Every environment of the catalog"},
    {0},
};

static const struct pyro_field template_fields[] = {
    {.name = "name", .type = PYRO_TYPE_STRING, .help = "Its directory in templates/ of the home"},
    {.name = "vcpu_count", .type = PYRO_TYPE_INTEGER, .help = "Of the guests that start from it"},
    {.name = "mem_mib", .type = PYRO_TYPE_INTEGER, .help = "Of the guests that start from it"},
    {.name = "network", .type = PYRO_TYPE_BOOLEAN, .help = "Whether they have a network card"},
    {.name = "usable", .type = PYRO_TYPE_BOOLEAN, .help = "Whether the next start can use it"},
    {.name = "problem",
     .type = PYRO_TYPE_STRING,
     .nullable = true,
     .help = "Why not; null when it can"},
    {.name = "disk_usage_bytes", .type = PYRO_TYPE_INTEGER, .help = "What it takes on disk"},
    {.name = "ram_bytes", .type = PYRO_TYPE_INTEGER, .help = "Its memory's part of that"},
    {.name = "made_at", .type = PYRO_TYPE_NUMBER, .help = "Epoch seconds"},
    {.name = "making_ms", .type = PYRO_TYPE_NUMBER, .help = "What making it took"},
    {.name = "last_used_at",
     .type = PYRO_TYPE_NUMBER,
     .help = "Epoch seconds of the last start from it; the least recently used go first"},
    {.name = "warm_up",
     .type = PYRO_TYPE_STRINGS,
     .help = "What it has run, so that its clones have it in memory"},
    {0},
};

static const struct pyro_field installation_fields[] = {
    ENTRY_FIELDS,
    WHEN_INSTALLED("install_dir", PYRO_TYPE_STRING, "Directory of the installation"),
    WHEN_INSTALLED("kernel_image", PYRO_TYPE_STRING, "The kernel"),
    WHEN_INSTALLED("rootfs_image", PYRO_TYPE_STRING, "The root file system"),
    WHEN_INSTALLED("rootfs_digest", PYRO_TYPE_STRING, "Its SHA-256"),
    WHEN_INSTALLED("rootfs_bytes", PYRO_TYPE_INTEGER, "Its size"),
    WHEN_INSTALLED("disk_usage_bytes", PYRO_TYPE_INTEGER, "What the installation takes on disk"),
    WHEN_INSTALLED("kernel_version", PYRO_TYPE_STRING, "Version of the kernel"),
    WHEN_INSTALLED("package_count", PYRO_TYPE_INTEGER, "Installed packages"),
    WHEN_INSTALLED("installed_at", PYRO_TYPE_NUMBER, "Epoch seconds"),
    {.name = "templates",
     .type = PYRO_TYPE_OBJECTS,
     .nullable = true,
     .members = template_fields,
     .help = "Frozen guests that new ones start as clones of"},
    {0},
};

static const struct pyro_field deleted_fields[] = {
    {.name = "name", .type = PYRO_TYPE_STRING, .help = "Name of the environment"},
    {.name = "version", .type = PYRO_TYPE_STRING, .nullable = true, .help = "Its version"},
    {.name = "reason", .type = PYRO_TYPE_STRING, .help = "Why nothing can use it"},
    {0},
};

static const struct pyro_field prune_fields[] = {
    {.name = "deleted",
     .type = PYRO_TYPE_OBJECTS,
     .members = deleted_fields,
     .help = "What was removed"},
    {.name = "count", .type = PYRO_TYPE_INTEGER, .help = "How many"},
    {.name = "freed_bytes", .type = PYRO_TYPE_INTEGER, .help = "Disk space that is free again"},
    {0},
};

static const struct pyro_parameter no_parameters[] = {{0}};

static const struct pyro_parameter name_parameters[] = {
    {.name = "environment",
     .type = PYRO_TYPE_STRING,
     .required = true,
     .positional = true,
     .help = "Name of the environment, for example debian:12"},
    {0},
};

static int list(struct pyro_context *context, const json_t *parameters,
                const struct pyro_observer *observer, json_t **ret_result, struct pyro_error *error)
{
    (void)parameters;
    (void)observer;
    cleanup_json json_t *environments = json_array();
    for (const struct pyro_environment *const *at = pyro_catalog; *at; at++) {
        json_t *entry = pyro_environment_to_json(&context->home, *at, false);
        if (json_array_append_new(environments, entry) < 0)
            return pyro_error_no_memory(error);
    }
    *ret_result = json_pack("{s:s, s:O}", "catalog_version", PYRO_CATALOG_VERSION, "environments",
                            environments);
    return *ret_result ? 0 : pyro_error_no_memory(error);
}

static const struct pyro_environment *find(const json_t *parameters, struct pyro_error *error)
{
    const char *name = pyro_json_text(parameters, "environment", "");
    const struct pyro_environment *environment = pyro_environment_find(name, error);
    if (!environment)
        pyro_error_field(error, "environment");
    return environment;
}

static int add_templates(struct pyro_context *context, const struct pyro_environment *environment,
                         json_t *result, struct pyro_error *error)
{
    struct pyro_installation installation;
    struct pyro_host host;
    if (pyro_home_create(&context->home, NULL) < 0)
        return 0; /* a home that can only be read: they cannot be looked into, nor used */
    if (pyro_host_probe(&context->home, &host, error) < 0)
        return -1;
    int r = pyro_installation_open(&context->home, environment, &installation, error);
    const struct pyro_template_source today = {.home = &context->home,
                                               .host = &host,
                                               .environment = environment,
                                               .installation = &installation};
    if (r == 0)
        json_object_set_new(result, "templates", pyro_template_list(&today));
    pyro_installation_finish(&installation);
    pyro_host_finish(&host);
    return r;
}

static int describe(struct pyro_context *context, const struct pyro_environment *environment,
                    json_t **ret_result, struct pyro_error *error)
{
    cleanup_json json_t *result = pyro_environment_to_json(&context->home, environment, true);
    if (!result)
        return pyro_error_no_memory(error);
    if (pyro_json_boolean(result, "installed", false) &&
        add_templates(context, environment, result, error) < 0)
        return -1;
    *ret_result = steal_pointer(&result);
    return 0;
}

static int pull(struct pyro_context *context, const json_t *parameters,
                const struct pyro_observer *observer, json_t **ret_result, struct pyro_error *error)
{
    const struct pyro_environment *environment = find(parameters, error);
    if (!environment || pyro_home_create(&context->home, error) < 0 ||
        pyro_pull(context, environment, observer, error) < 0)
        return -1;
    return describe(context, environment, ret_result, error);
}

static int inspect(struct pyro_context *context, const json_t *parameters,
                   const struct pyro_observer *observer, json_t **ret_result,
                   struct pyro_error *error)
{
    (void)observer;
    const struct pyro_environment *environment = find(parameters, error);
    return environment ? describe(context, environment, ret_result, error) : -1;
}

static int prune(struct pyro_context *context, const json_t *parameters,
                 const struct pyro_observer *observer, json_t **ret_result,
                 struct pyro_error *error)
{
    (void)parameters;
    (void)observer;
    struct pyro_host host;
    cleanup_json json_t *result = NULL;
    if (pyro_home_create(&context->home, error) < 0 ||
        pyro_environment_prune(&context->home, &result, error) < 0 ||
        pyro_host_probe(&context->home, &host, error) < 0)
        return -1;
    int r = pyro_template_prune(&context->home, &host, result, error);
    pyro_host_finish(&host);
    if (r == 0)
        *ret_result = steal_pointer(&result);
    return r;
}

const struct pyro_operation pyro_env_list_operation = {
    .name = "env_list",
    .cli = "env list",
    .mcp = "vm_list_environments",
    .python = "list_environments",
    .title = "List environments",
    .summary = "List the environments a guest can be",
    .description = "Lists the catalog, and says which environments are installed on this host.",
    .mcp_description =
        "Use this first to see which environments can be given to vm_run, vm_create and "
        "workspace_create, and which are installed already. An environment that is not "
        "installed is pulled at its first use, which takes minutes.",
    .examples = "pyro env list\npyro env list --json",
    .annotations = PYRO_READ_ONLY | PYRO_IDEMPOTENT,
    .parameters = no_parameters,
    .result = list_fields,
    .mark = pyro_environments_mark,
    .handler = list,
};

const struct pyro_operation pyro_env_pull_operation = {
    .name = "env_pull",
    .cli = "env pull",
    .python = "pull_environment",
    .title = "Install an environment",
    .summary = "Build and install an environment, or repair it",
    .description =
        "Builds the environment from the distribution's own signed archive and installs it. Does "
        "nothing when it is installed and whole; repairs it when it is damaged. Takes about half a "
        "minute and needs the network. Needs no root.",
    .examples = "pyro env pull debian:12",
    .annotations = PYRO_IDEMPOTENT | PYRO_OPEN_WORLD,
    .parameters = name_parameters,
    .result = installation_fields,
    .handler = pull,
};

const struct pyro_operation pyro_env_inspect_operation = {
    .name = "env_inspect",
    .cli = "env inspect",
    .python = "inspect_environment",
    .title = "Show an environment",
    .summary = "Show what an environment is and where it is installed",
    .description = "Shows the catalog's entry and, once installed, the installation's files, "
                   "versions and sizes.",
    .examples = "pyro env inspect debian:12",
    .annotations = PYRO_READ_ONLY | PYRO_IDEMPOTENT,
    .parameters = name_parameters,
    .result = installation_fields,
    .handler = inspect,
};

const struct pyro_operation pyro_env_prune_operation = {
    .name = "env_prune",
    .cli = "env prune",
    .python = "prune_environments",
    .title = "Remove what no guest can use",
    .summary = "Remove installations that nothing can use any more",
    .description = "Removes environments that are not in the catalog any more, half-finished pulls "
                   "and stale templates. Never touches what a running VM uses.",
    .examples = "pyro env prune",
    .annotations = PYRO_DESTRUCTIVE | PYRO_IDEMPOTENT,
    .parameters = no_parameters,
    .result = prune_fields,
    .handler = prune,
};
