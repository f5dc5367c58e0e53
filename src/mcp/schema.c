/* Clients differ in what they understand of JSON Schema, so it is kept plain: each value has one
 * `type`, and a member that may be null is one that may be missing. */
#include "mcp/schema.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "mcp/shorten.h"

static const char *const type_names[] = {
    [PYRO_TYPE_STRING] = "string",   [PYRO_TYPE_INTEGER] = "integer", [PYRO_TYPE_NUMBER] = "number",
    [PYRO_TYPE_BOOLEAN] = "boolean", [PYRO_TYPE_COMMAND] = NULL,      [PYRO_TYPE_STRINGS] = "array",
    [PYRO_TYPE_OBJECT] = "object",   [PYRO_TYPE_OBJECTS] = "array",   [PYRO_TYPE_BYTES] = "string",
};

bool pyro_mcp_has_parameter(const struct pyro_parameter *parameter)
{
    return !parameter->command_line;
}

static json_t *choices_schema(const char *const *choices)
{
    json_t *list = json_array();
    for (; list && *choices; choices++)
        json_array_append_new(list, json_string(*choices));
    return list;
}

/* One form of an object: its type says which it is. */
static json_t *variant_schema(const struct pyro_variant *variant)
{
    return json_pack("{s:s, s:s, s:{s:{s:s, s:[s]}, s:{s:s, s:i, s:s}}, s:[s, s], s:b}", "type",
                     "object", "description", variant->help, "properties", "type", "type", "string",
                     "enum", variant->type, variant->member, "type", "string", "minLength", 1,
                     "description", variant->help, "required", "type", variant->member,
                     "additionalProperties", 0);
}

static json_t *variants_schema(const struct pyro_variant *variants)
{
    json_t *list = json_array();
    for (; list && variants->type; variants++)
        json_array_append_new(list, variant_schema(variants));
    return json_pack("{s:o}", "oneOf", list);
}

static json_t *command_schema(void)
{
    return json_pack("{s:[{s:s, s:i, s:s}, {s:s, s:{s:s}, s:i, s:s}]}", "anyOf", "type", "string",
                     "minLength", 1, "description", "A shell command line, run by /bin/sh -lc",
                     "type", "array", "items", "type", "string", "minItems", 1, "description",
                     "A program and its arguments, passed on as they are");
}

static json_t *type_schema(const struct pyro_parameter *parameter)
{
    if (parameter->variants)
        return variants_schema(parameter->variants);
    switch (parameter->type) {
    case PYRO_TYPE_COMMAND:
        return command_schema();
    case PYRO_TYPE_STRINGS:
        return json_pack("{s:s, s:{s:s}}", "type", "array", "items", "type", "string");
    case PYRO_TYPE_OBJECTS:
        return json_pack("{s:s, s:{s:s}}", "type", "array", "items", "type", "object");
    default:
        return json_pack("{s:s}", "type", type_names[parameter->type]);
    }
}

static void add_limits(const struct pyro_parameter *parameter, json_t *schema)
{
    if (parameter->minimum == 0 && parameter->maximum == 0)
        return;
    json_object_set_new(schema, "minimum", json_integer(parameter->minimum));
    if (parameter->maximum != INT64_MAX)
        json_object_set_new(schema, "maximum", json_integer(parameter->maximum));
}

static json_t *parameter_schema(const struct pyro_parameter *parameter)
{
    json_t *schema = type_schema(parameter);
    if (!schema)
        return NULL;
    json_object_set_new(schema, "description", json_string(parameter->help));
    add_limits(parameter, schema);
    if (parameter->type == PYRO_TYPE_STRING && parameter->required)
        json_object_set_new(schema, "minLength", json_integer(1));
    if (parameter->choices)
        json_object_set_new(schema, "enum", choices_schema(parameter->choices));
    if (parameter->fallback)
        json_object_set_new(schema, "default",
                            json_loads(parameter->fallback, JSON_DECODE_ANY, NULL));
    return schema;
}

/* What only redirected input could stand for must be given where there is none. */
static bool is_required(const struct pyro_operation *operation,
                        const struct pyro_parameter *parameter)
{
    return parameter->required || (operation->reads_stdin && parameter->type == PYRO_TYPE_BYTES);
}

json_t *pyro_mcp_input_schema(const struct pyro_operation *operation)
{
    cleanup_json json_t *properties = json_object(), *required = json_array();
    for (const struct pyro_parameter *p = operation->parameters; p->name; p++) {
        if (!pyro_mcp_has_parameter(p))
            continue;
        if (json_object_set_new(properties, p->name, parameter_schema(p)) < 0)
            return NULL;
        if (is_required(operation, p))
            json_array_append_new(required, json_string(p->name));
    }
    json_t *schema = json_pack("{s:s, s:O, s:b}", "type", "object", "properties", properties,
                               "additionalProperties", 0);
    if (schema && json_array_size(required) > 0)
        json_object_set(schema, "required", required);
    return schema;
}

static json_t *fields_schema(const struct pyro_field *fields);

static json_t *field_schema(const struct pyro_field *field)
{
    bool is_list = field->type == PYRO_TYPE_OBJECTS;
    json_t *schema = NULL;
    if ((is_list || field->type == PYRO_TYPE_OBJECT) && field->members)
        schema = fields_schema(field->members);
    else if (is_list)
        schema = json_pack("{s:s}", "type", "object");
    else if (field->type == PYRO_TYPE_STRINGS)
        schema = json_pack("{s:s, s:{s:s}}", "type", "array", "items", "type", "string");
    else
        schema = json_pack("{s:s}", "type", type_names[field->type]);
    if (is_list)
        schema = json_pack("{s:s, s:o}", "type", "array", "items", schema);
    if (schema)
        json_object_set_new(schema, "description", json_string(field->help));
    return schema;
}

static int add_left_out(const struct pyro_field *field, json_t *properties)
{
    cleanup_free char *name = pyro_text_format("%s" PYRO_MCP_LEFT_OUT, field->name);
    json_t *schema = json_pack("{s:s, s:s}", "type", "integer", "description",
                               "How many more there are; not there when all are shown");
    return json_object_set_new(properties, name, schema);
}

static json_t *fields_schema(const struct pyro_field *fields)
{
    cleanup_json json_t *properties = json_object(), *required = json_array();
    for (; fields->name; fields++) {
        if (json_object_set_new(properties, fields->name, field_schema(fields)) < 0)
            return NULL;
        if (!fields->nullable)
            json_array_append_new(required, json_string(fields->name));
        if (fields->type == PYRO_TYPE_OBJECTS && add_left_out(fields, properties) < 0)
            return NULL;
    }
    json_t *schema = json_pack("{s:s, s:O}", "type", "object", "properties", properties);
    if (schema && json_array_size(required) > 0)
        json_object_set(schema, "required", required);
    return schema;
}

json_t *pyro_mcp_output_schema(const struct pyro_operation *operation)
{
    return fields_schema(operation->result);
}
