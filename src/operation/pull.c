#include "operation/pull.h"

#include "template/template.h"
#include "vm/host.h"

int pyro_pull(struct pyro_context *context, const struct pyro_environment *environment,
              const struct pyro_observer *observer, struct pyro_error *error)
{
    struct pyro_installation installation;
    struct pyro_host host;
    struct pyro_error why = PYRO_ERROR_INIT;
    if (pyro_environment_pull(&context->home, environment, observer, error) < 0 ||
        pyro_installation_open(&context->home, environment, &installation, error) < 0)
        return -1;
    int r = pyro_host_probe(&context->home, &host, error);
    if (r == 0) {
        const struct pyro_template_source source = {.home = &context->home,
                                                    .host = &host,
                                                    .environment = environment,
                                                    .installation = &installation,
                                                    .shape = pyro_template_default_shape};
        if (pyro_templates_are_on() && pyro_host_check(&host, false, &why) == 0)
            pyro_template_make(&source, observer, &why);
        /* Being told to stop while a template is made means to stop. */
        if (why.code == PYRO_ERROR_CANCELLED)
            r = pyro_error_set(error, why.code, "%s", why.message);
        pyro_host_finish(&host);
    }
    pyro_installation_finish(&installation);
    return r;
}
