/* What a program in C sees of the library: everything that is in a file, every error, and every mistake it can make.
 *
 *   suite dump FILE...          all that a model has, in lines that can be compared
 *   suite write FILE OUT OUT    safetensors and JSON
 *   suite types FILE TYPES PATH what has a name that the file does not have
 *   suite errors FOLDER FILE    what is refused, and why
 *   suite misuse FILE           calls that are wrong
 *   suite threads FILE          many of them at once
 *   suite churn FILE COUNT      memory stays as it is
 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "flux_airlock.h"

/* ------------------------------------------------------------------------------------------------ helpers */

#define CHECK(condition)                                                           \
    do {                                                                           \
        if (!(condition)) {                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                               \
        }                                                                          \
    } while (0)

#define OK(call) CHECK((call) == AIRLOCK_STATUS_OK)

static int text_is(airlock_text text, const char *expected) {
    return text.ptr != NULL && text.len == strlen(expected) && memcmp(text.ptr, expected, text.len) == 0;
}

static int text_has(airlock_text text, const char *part) {
    size_t len = strlen(part);
    for (size_t at = 0; text.ptr != NULL && at + len <= text.len; at++) {
        if (memcmp(text.ptr + at, part, len) == 0) {
            return 1;
        }
    }
    return 0;
}

static airlock_text enum_name(uint32_t which, uint32_t number) {
    return airlock_enum_name(which, number);
}

static void *space(size_t count, size_t size) {
    void *memory = calloc(count == 0 ? 1 : count, size);
    CHECK(memory != NULL);
    return memory;
}

static uint64_t start_engine(void) {
    uint64_t engine = 0;
    uint64_t error = 7;
    OK(airlock_engine_new(&engine, &error));
    CHECK(engine != 0 && error == 0);
    return engine;
}

static uint64_t unverified(void) {
    uint64_t options = 0;
    OK(airlock_options_new(&options, NULL));
    OK(airlock_options_evidence(options, "unverified", 10, NULL, 0, NULL));
    return options;
}

static uint64_t open_model(uint64_t engine, uint64_t options, const char *path) {
    uint64_t model = 0;
    uint64_t error = 0;
    if (airlock_open_path(engine, options, path, strlen(path), &model, &error) != AIRLOCK_STATUS_OK) {
        airlock_error_info info;
        OK(airlock_error_read(error, &info));
        fprintf(stderr, "%s: %.*s\n", path, (int)info.text.len, info.text.ptr);
        exit(1);
    }
    CHECK(model != 0 && error == 0);
    return model;
}

static void release(uint64_t handle) {
    CHECK(handle != 0);
    OK(airlock_release(handle));
    CHECK(airlock_release(handle) == AIRLOCK_STATUS_USAGE);
}

/* The error that a call must have given. */
static void expect(airlock_status status, uint64_t error, airlock_status expected, const char *code, int line) {
    airlock_error_info info;
    if (status != expected || error == 0) {
        fprintf(stderr, "line %d: status %" PRIu32 " and error %" PRIu64 ", and not %s\n", line, status, error, code);
        exit(1);
    }
    OK(airlock_error_read(error, &info));
    if (info.status != expected || !text_is(info.code, code)) {
        fprintf(stderr, "line %d: %.*s (%.*s), and not %s\n", line, (int)info.code.len, info.code.ptr,
                (int)info.text.len, info.text.ptr, code);
        exit(1);
    }
    CHECK(info.message.ptr != NULL && info.message.len > 0 && info.text.ptr != NULL && info.text.len >= info.message.len);
    release(error);
}

#define FAILS(call, status, code)                          \
    do {                                                   \
        uint64_t error = 0;                                \
        airlock_status found = (call);                     \
        expect(found, error, (status), (code), __LINE__);  \
    } while (0)

#define MISUSE(call, code) FAILS(call, AIRLOCK_STATUS_USAGE, code)

/* ------------------------------------------------------------------------------------------------ dump */

/* Exactly what a text is: `-` if there is none, its bytes in hexadecimal otherwise. */
static void print_text(airlock_text text) {
    if (text.ptr == NULL) {
        printf(" -");
        return;
    }
    printf(" x");
    for (size_t at = 0; at < text.len; at++) {
        printf("%02x", (unsigned)(unsigned char)text.ptr[at]);
    }
}

/* FNV-1a. */
static uint64_t checksum(const uint8_t *bytes, size_t len) {
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (size_t at = 0; at < len; at++) {
        sum = (sum ^ bytes[at]) * UINT64_C(0x100000001b3);
    }
    return sum;
}

static void print_node_text(uint64_t model, uint32_t node, airlock_node_text which) {
    uint64_t string = 0;
    airlock_text text;
    OK(airlock_node_text_new(model, node, which, &string, NULL));
    OK(airlock_string_read(string, &text));
    print_text(text);
    release(string);
}

static void print_size(uint64_t model, uint32_t node, uint32_t ndims) {
    size_t count = 0;
    uint64_t size[64];
    OK(airlock_node_size(model, node, 0, size, 64, &count, NULL));
    CHECK(count == ndims && count <= 64);
    printf(" (");
    for (size_t at = 0; at < count; at++) {
        printf(" %" PRIu64, size[at]);
    }
    printf(" )");
}

/* The nodes that are still to be printed, the next one last. */
struct work {
    airlock_child *children;
    size_t len;
    size_t capacity;
};

static void push(struct work *work, const airlock_child *child) {
    if (work->len == work->capacity) {
        work->capacity = work->capacity * 2 + 16;
        work->children = realloc(work->children, work->capacity * sizeof *work->children);
        CHECK(work->children != NULL);
    }
    work->children[work->len++] = *child;
}

static void print_nodes(uint64_t model, const airlock_model_info *info, uint32_t root) {
    uint8_t *seen = space(info->nodes, 1);
    struct work work = {NULL, 0, 0};
    airlock_child child = {{NULL, 0}, {0}};
    OK(airlock_node_read(model, root, &child.node, NULL));
    push(&work, &child);
    while (work.len > 0) {
        child = work.children[--work.len];
        airlock_node *node = &child.node;
        CHECK(node->id < info->nodes);
        printf("node %" PRIu32, node->id);
        print_text(child.name);
        if (seen[node->id]) {
            printf(" again\n");
            continue;
        }
        seen[node->id] = 1;
        print_text(enum_name(AIRLOCK_ENUM_FORM, node->form));
        print_text(node->name);
        print_text(node->text);
        if (node->eltype == AIRLOCK_NONE) {
            printf(" -");
        } else {
            print_text(enum_name(AIRLOCK_ENUM_ELTYPE, node->eltype));
        }
        print_size(model, node->id, node->ndims);
        if (node->has_integer) {
            printf(" i%" PRId64, node->integer);
        }
        if (node->has_real) {
            uint64_t bits;
            memcpy(&bits, &node->real, sizeof bits);
            printf(" r%016" PRIx64, bits);
        }
        switch (node->form) {
        case AIRLOCK_FORM_NUMBER:
            CHECK(node->number == node->eltype);
            printf(" b");
            for (uint32_t at = 0; at < airlock_eltype_width(node->eltype); at++) {
                printf("%02x", (unsigned)node->bits[at]);
            }
            for (uint32_t at = airlock_eltype_width(node->eltype); at < 32; at++) {
                CHECK(node->bits[at] == 0);
            }
            print_node_text(model, node->id, AIRLOCK_NODE_TEXT_VALUE);
            break;
        case AIRLOCK_FORM_OPAQUE:
            CHECK(node->number < airlock_enum_count(AIRLOCK_ENUM_WHY));
            print_node_text(model, node->id, AIRLOCK_NODE_TEXT_TYPE);
            print_node_text(model, node->id, AIRLOCK_NODE_TEXT_MESSAGE);
            break;
        case AIRLOCK_FORM_STRUCT:
            CHECK(node->children == airlock_kind_field_count(node->number));
            break;
        case AIRLOCK_FORM_FUNCTION:
            print_text(airlock_function_module(node->number));
            break;
        case AIRLOCK_FORM_TENSOR:
            printf(" #%" PRIu32, node->number);
            break;
        default:
            break;
        }
        print_node_text(model, node->id, AIRLOCK_NODE_TEXT_PATH);
        printf("\n");
        /* In two pieces, so that a list need not be had at once. */
        airlock_child *children = space(node->children, sizeof *children);
        size_t first = node->children / 3;
        size_t count = 0;
        OK(airlock_node_children(model, node->id, 0, children, first, &count, NULL));
        CHECK(count == node->children);
        OK(airlock_node_children(model, node->id, first, children + first, count - first, &count, NULL));
        for (size_t at = count; at > 0; at--) {
            if (node->form == AIRLOCK_FORM_STRUCT) {
                airlock_text field = airlock_kind_field(node->number, (uint32_t)(at - 1));
                airlock_text name = children[at - 1].name;
                CHECK(field.len == name.len && memcmp(field.ptr, name.ptr, name.len) == 0);
            }
            push(&work, &children[at - 1]);
        }
        free(children);
    }
    free(work.children);
    free(seen);
}

static void print_arrays(uint64_t model, const airlock_model_info *info) {
    size_t count = 0;
    airlock_array *arrays = space(info->arrays, sizeof *arrays);
    OK(airlock_model_arrays(model, 0, arrays, info->arrays, &count, NULL));
    CHECK(count == info->arrays);
    for (size_t at = 0; at < count; at++) {
        const airlock_array *array = &arrays[at];
        CHECK(array->number == at);
        printf("array %" PRIu32 " %" PRIu32, array->number, array->node);
        print_text(array->path);
        print_text(array->eltype_name);
        printf(" %" PRIu32 " (", array->width);
        uint64_t elements = 1;
        for (uint32_t dim = 0; dim < array->ndims; dim++) {
            printf(" %" PRIu64, array->size[dim]);
            elements *= array->size[dim];
        }
        printf(" ) %zu %" PRIu64, array->len, array->offset);
        if (array->eltype != AIRLOCK_NONE) {
            CHECK(elements * array->width == array->len);
            CHECK(airlock_eltype_width(array->eltype) == array->width);
            airlock_text name = enum_name(AIRLOCK_ENUM_ELTYPE, array->eltype);
            CHECK(name.len == array->eltype_name.len && memcmp(name.ptr, array->eltype_name.ptr, name.len) == 0);
        }
        uint8_t *copy = space(array->len, 1);
        OK(airlock_array_copy(model, array->number, copy, array->len, NULL));
        CHECK(memcmp(copy, array->data, array->len) == 0);
        printf(" %016" PRIx64, checksum(copy, array->len));
        free(copy);
        print_text(array->omitted);
        airlock_text also[16];
        size_t more = 0;
        OK(airlock_array_also_at(model, array->number, 0, also, 16, &more, NULL));
        CHECK(more == array->also_at);
        for (size_t other = 0; other < more; other++) {
            print_text(also[other]);
        }
        printf(" +%" PRIu64 "\n", array->also_at_more);
        uint32_t found = AIRLOCK_NONE;
        OK(airlock_node_find(model, array->path.ptr, array->path.len, &found, NULL));
        CHECK(found == array->node);
    }
    free(arrays);
}

static void print_lists(uint64_t model) {
    for (uint32_t which = AIRLOCK_LIST_OPAQUE; which <= AIRLOCK_LIST_SCALARS; which++) {
        size_t count = 0;
        OK(airlock_model_nodes(model, which, 0, NULL, 0, &count, NULL));
        uint32_t *nodes = space(count, sizeof *nodes);
        size_t half = count / 2;
        OK(airlock_model_nodes(model, which, 0, nodes, half, &count, NULL));
        OK(airlock_model_nodes(model, which, half, nodes + half, count - half, &count, NULL));
        printf("list %" PRIu32, which);
        for (size_t at = 0; at < count; at++) {
            printf(" %" PRIu32, nodes[at]);
        }
        printf("\n");
        free(nodes);
    }
    size_t count = 0;
    OK(airlock_model_notes(model, 0, NULL, 0, &count, NULL));
    airlock_note *notes = space(count, sizeof *notes);
    OK(airlock_model_notes(model, 0, notes, count, &count, NULL));
    for (size_t at = 0; at < count; at++) {
        printf("note %" PRIu32, notes[at].node);
        print_text(enum_name(AIRLOCK_ENUM_NOTE, notes[at].number));
        print_text(notes[at].code);
        print_text(notes[at].message);
        printf("\n");
    }
    free(notes);
    OK(airlock_model_asides(model, 0, NULL, 0, &count, NULL));
    airlock_aside *asides = space(count, sizeof *asides);
    OK(airlock_model_asides(model, 0, asides, count, &count, NULL));
    for (size_t at = 0; at < count; at++) {
        printf("aside %" PRIu32 " %" PRIu32, asides[at].owner, asides[at].value);
        print_text(enum_name(AIRLOCK_ENUM_ASIDE, asides[at].number));
        print_text(asides[at].name);
        printf("\n");
    }
    free(asides);
}

static void print_model_text(uint64_t model, airlock_model_text which) {
    uint64_t string = 0;
    airlock_text text;
    OK(airlock_model_text_new(model, which, &string, NULL));
    OK(airlock_string_read(string, &text));
    printf("text %" PRIu32, (uint32_t)which);
    print_text(text);
    printf("\n");
    release(string);
}

static void dump(uint64_t engine, uint64_t options, const char *path) {
    uint64_t model = open_model(engine, options, path);
    airlock_model_info info;
    OK(airlock_model_info_read(model, &info, NULL));
    printf("model");
    print_text(info.file_path);
    print_text(info.file_sha256);
    print_text(info.guest_sha256);
    print_text(info.written_by_flux);
    print_text(info.written_by_julia);
    print_text(info.written_by_bson_jl);
    printf(" %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu32 " %" PRIu32 "\n", info.file_bytes,
           info.fuel_used, info.fuel_limit, info.memory_bytes, info.scalars_more, info.nodes, info.arrays);
    size_t count = 0;
    OK(airlock_model_evidence(model, 0, NULL, 0, &count, NULL));
    CHECK(count == 0);
    OK(airlock_model_variables(model, 0, NULL, 0, &count, NULL));
    airlock_variable *variables = space(count, sizeof *variables);
    OK(airlock_model_variables(model, 0, variables, count, &count, NULL));
    for (size_t at = 0; at < count; at++) {
        printf("variable %" PRIu32, variables[at].node);
        print_text(variables[at].name);
        print_text(variables[at].path);
        print_node_text(model, variables[at].node, AIRLOCK_NODE_TEXT_SUMMARY);
        print_node_text(model, variables[at].node, AIRLOCK_NODE_TEXT_TREE);
        printf("\n");
        print_nodes(model, &info, variables[at].node);
    }
    print_arrays(model, &info);
    print_lists(model);
    print_model_text(model, AIRLOCK_MODEL_TEXT_REPORT);
    print_model_text(model, AIRLOCK_MODEL_TEXT_REPORT_INDENTED);
    print_model_text(model, AIRLOCK_MODEL_TEXT_LAYERS);
    if (count > 0) {
        airlock_text path_of_one = variables[count - 1].path;
        uint64_t only = 0;
        airlock_model_info one;
        OK(airlock_model_only(model, path_of_one.ptr, path_of_one.len, &only, NULL));
        free(variables);
        /* It stands on its own. */
        release(model);
        OK(airlock_model_info_read(only, &one, NULL));
        printf("only %" PRIu32 "\n", one.arrays);
        print_arrays(only, &one);
        release(only);
    } else {
        free(variables);
        release(model);
    }
}

/* ------------------------------------------------------------------------------------------------ errors */

static void print_file(const char *folder, const char *name, const void *bytes, size_t len, char *path) {
    snprintf(path, 4096, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(bytes, 1, len, file) == len && fclose(file) == 0);
}

static uint8_t *read_file(const char *path, size_t *len) {
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL && fseek(file, 0, SEEK_END) == 0);
    long end = ftell(file);
    CHECK(end >= 0 && fseek(file, 0, SEEK_SET) == 0);
    *len = (size_t)end;
    uint8_t *bytes = space(*len, 1);
    CHECK(fread(bytes, 1, *len, file) == *len && fclose(file) == 0);
    return bytes;
}

#define OPEN(options, path) airlock_open_path(engine, (options), (path), strlen(path), &model, &error)
#define EVIDENCE(options, kind, value) \
    airlock_options_evidence((options), (kind), strlen(kind), (value), strlen(value), &error)
#define LIMIT(options, name, granted) airlock_options_limit((options), (name), strlen(name), (granted), &error)

static void errors(const char *folder, const char *genuine) {
    uint64_t engine = start_engine();
    uint64_t any = unverified();
    uint64_t model = 7;
    char path[4096];
    size_t len = 0;
    uint8_t *bytes = read_file(genuine, &len);

    /* Nothing vouches for it. */
    FAILS(OPEN(0, genuine), AIRLOCK_STATUS_NOT_VERIFIED, "no-evidence");
    CHECK(model == 0);
    uint64_t none = 0;
    OK(airlock_options_new(&none, NULL));
    FAILS(OPEN(none, genuine), AIRLOCK_STATUS_NOT_VERIFIED, "no-evidence");
    release(none);

    /* Something vouches for it, and for nothing else. */
    uint64_t error = 0;
    airlock_model_info info;
    airlock_evidence evidence;
    size_t count = 0;
    model = open_model(engine, any, genuine);
    OK(airlock_model_info_read(model, &info, NULL));
    char pin[80] = "sha256:";
    CHECK(info.file_sha256.len == 64);
    memcpy(pin + 7, info.file_sha256.ptr, 64);
    release(model);
    uint64_t pinned = 0;
    OK(airlock_options_new(&pinned, NULL));
    OK(EVIDENCE(pinned, "pin", pin));
    model = open_model(engine, pinned, genuine);
    OK(airlock_model_evidence(model, 0, &evidence, 1, &count, NULL));
    CHECK(count == 1 && text_is(evidence.kind, "pin") && text_is(evidence.digest, pin) && evidence.lock.ptr == NULL);
    release(model);
    bytes[len / 2] ^= 1;
    OK(airlock_open_bytes(engine, any, "a name", 6, bytes, len, &model, NULL));
    OK(airlock_model_info_read(model, &info, NULL));
    CHECK(text_is(info.file_path, "a name"));
    release(model);
    FAILS(airlock_open_bytes(engine, pinned, NULL, 0, bytes, len, &model, &error), AIRLOCK_STATUS_NOT_VERIFIED,
          "digest-mismatch");
    bytes[len / 2] ^= 1;
    OK(airlock_open_bytes(engine, pinned, NULL, 0, bytes, len, &model, NULL));
    OK(airlock_model_info_read(model, &info, NULL));
    CHECK(info.file_path.ptr == NULL);
    release(model);
    MISUSE(EVIDENCE(pinned, "unverified", ""), "conflicting-evidence");
    MISUSE(EVIDENCE(any, "pin", pin), "conflicting-evidence");
    MISUSE(EVIDENCE(pinned, "unverified", "yes"), "bad-value");
    MISUSE(EVIDENCE(pinned, "pin", "sha256:12"), "bad-pin");
    MISUSE(EVIDENCE(pinned, "a\nfriend", ""), "unknown-evidence");
    model = open_model(engine, pinned, genuine);
    release(model);

    /* A lock file. */
    char lock[512];
    char file[4096];
    print_file(folder, "model.bson", bytes, len, file);
    snprintf(lock, sizeof lock, "version = 1\n\n[[file]]\nname = \"model.bson\"\nbytes = %zu\nsha256 = \"%s\"\n", len, pin + 7);
    print_file(folder, "airlock.lock", lock, strlen(lock), path);
    uint64_t locked = 0;
    OK(airlock_options_new(&locked, NULL));
    OK(EVIDENCE(locked, "lock", path));
    OK(EVIDENCE(locked, "pin", pin));
    model = open_model(engine, locked, file);
    OK(airlock_model_evidence(model, 0, NULL, 0, &count, NULL));
    CHECK(count == 2);
    OK(airlock_model_evidence(model, 0, &evidence, 1, &count, NULL));
    CHECK(text_is(evidence.lock, "model.bson"));
    release(model);
    FAILS(OPEN(locked, genuine), AIRLOCK_STATUS_NOT_VERIFIED, "not-in-lock");
    OK(airlock_open_bytes(engine, locked, "model.bson", 10, bytes, len, &model, NULL));
    release(model);
    FAILS(airlock_open_bytes(engine, locked, "", 0, bytes, len, &model, &error), AIRLOCK_STATUS_NOT_VERIFIED, "not-in-lock");
    print_file(folder, "broken.lock", "version = 2\n", 12, path);
    FAILS(EVIDENCE(locked, "lock", path), AIRLOCK_STATUS_INPUT, "lock-version");
    FAILS(EVIDENCE(locked, "lock", "no/such/file"), AIRLOCK_STATUS_INPUT, "lock-io");
    release(locked);

    /* A file that is no model says where, and its report is at hand. */
    airlock_error_info said;
    print_file(folder, "cut.bson", bytes, len / 2, path);
    CHECK(OPEN(any, path) == AIRLOCK_STATUS_MALFORMED && model == 0);
    OK(airlock_error_read(error, &said));
    CHECK(text_is(said.code, "truncated") && said.has_offset == 1 && said.offset > 0 && said.offset < len);
    CHECK(said.path.ptr != NULL && said.limit.ptr == NULL && text_has(said.report, "\"verdict\":\"refused\""));
    CHECK(text_has(said.text, " at byte 0x") && !text_has(said.message, " at byte 0x"));
    release(error);
    uint64_t string = 0;
    airlock_text text;
    OK(airlock_inspect_path(engine, 0, path, strlen(path), &string, NULL));
    OK(airlock_string_read(string, &text));
    CHECK(text_has(text, "\"code\":\"truncated\"") && text_has(text, "airlock.report/1"));
    release(string);
    OK(airlock_inspect_bytes(engine, any, NULL, 0, bytes, len, &string, NULL));
    OK(airlock_string_read(string, &text));
    CHECK(text_has(text, "\"verdict\":\"opened\"") && text_has(text, "\"evidence\":[]"));
    release(string);
    bytes[len / 2] ^= 1;
    OK(airlock_inspect_bytes(engine, pinned, NULL, 0, bytes, len, &string, NULL));
    OK(airlock_string_read(string, &text));
    CHECK(text_has(text, "\"code\":\"digest-mismatch\""));
    release(string);
    bytes[len / 2] ^= 1;

    /* Limits, by name. */
    for (uint32_t number = 0; number < airlock_enum_count(AIRLOCK_ENUM_LIMIT); number++) {
        airlock_text name = enum_name(AIRLOCK_ENUM_LIMIT, number);
        FAILS(airlock_options_limit(any, name.ptr, name.len, 0, &error), AIRLOCK_STATUS_USAGE, "limit-out-of-range");
    }
    MISUSE(LIMIT(any, "patience", 1), "unknown-limit");
    MISUSE(LIMIT(any, "nodes", UINT64_MAX), "limit-out-of-range");
    model = open_model(engine, any, genuine);
    release(model);
    OK(LIMIT(any, "fuel", 1000));
    FAILS(OPEN(any, genuine), AIRLOCK_STATUS_LIMIT, "fuel-limit");
    OK(LIMIT(any, "fuel", UINT64_C(10000000000)));
    OK(LIMIT(any, "file_bytes", len - 1));
    CHECK(OPEN(any, genuine) == AIRLOCK_STATUS_LIMIT);
    OK(airlock_error_read(error, &said));
    CHECK(text_is(said.limit, "file-bytes") && said.granted == len - 1 && said.has_offset == 0);
    release(error);
    FAILS(airlock_open_bytes(engine, any, NULL, 0, bytes, len, &model, &error), AIRLOCK_STATUS_LIMIT, "file-bytes-limit");
    OK(LIMIT(any, "file-bytes", len));
    OK(LIMIT(any, "depth", 3));
    CHECK(OPEN(any, genuine) == AIRLOCK_STATUS_LIMIT);
    OK(airlock_error_read(error, &said));
    CHECK(text_is(said.code, "depth-limit") && said.granted == 3 && said.has_offset == 1);
    release(error);
    OK(LIMIT(any, "depth", 256));

    /* Descriptions of types. */
    print_file(folder, "types.toml", "version = 2\n", 12, path);
    FAILS(airlock_options_types(any, path, strlen(path), &error), AIRLOCK_STATUS_INPUT, "types-version");
    FAILS(airlock_options_types(any, "no", 2, &error), AIRLOCK_STATUS_INPUT, "types-io");

    /* What cannot be read. */
    FAILS(OPEN(any, folder), AIRLOCK_STATUS_INPUT, "directory");
    FAILS(OPEN(any, "no/such/file"), AIRLOCK_STATUS_INPUT, "not-found");
    FAILS(OPEN(any, "/dev/null"), AIRLOCK_STATUS_INPUT, "device");
    FAILS(OPEN(any, ""), AIRLOCK_STATUS_INPUT, "not-found");
    FAILS(airlock_inspect_path(engine, 0, "no", 2, &string, &error), AIRLOCK_STATUS_INPUT, "not-found");

    /* What cannot be written. */
    model = open_model(engine, any, genuine);
    FAILS(airlock_model_write(model, "json", 4, file, strlen(file), 0, &error), AIRLOCK_STATUS_OUTPUT, "output-exists");
    FAILS(airlock_model_write(model, "json", 4, folder, strlen(folder), AIRLOCK_WRITE_OVERWRITE, &error),
          AIRLOCK_STATUS_OUTPUT, "output-not-a-file");
    FAILS(airlock_model_write(model, "json", 4, "no/such/folder", 14, 0, &error), AIRLOCK_STATUS_OUTPUT, "output-io");
    OK(airlock_model_write(model, "json", 4, file, strlen(file), AIRLOCK_WRITE_OVERWRITE | AIRLOCK_WRITE_OMIT, NULL));
    MISUSE(airlock_model_write(model, "onnx", 4, file, strlen(file), 0, &error), "unknown-format");
    MISUSE(airlock_model_write(model, "json", 4, file, strlen(file), 4, &error), "unknown-flag");
    release(model);

    free(bytes);
    release(pinned);
    release(any);
    release(engine);
}

/* ------------------------------------------------------------------------------------------------ types */

static void types(const char *path, const char *description, const char *inside) {
    uint64_t engine = start_engine();
    uint64_t options = unverified();
    uint64_t model = open_model(engine, options, path);
    uint32_t node = 0;
    MISUSE(airlock_node_find(model, inside, strlen(inside), &node, &error), "no-such-path");
    release(model);
    OK(airlock_options_types(options, description, strlen(description), NULL));
    model = open_model(engine, options, path);
    OK(airlock_node_find(model, inside, strlen(inside), &node, NULL));
    /* The way there has the name, and so has the child. */
    uint32_t above = 0;
    OK(airlock_node_find(model, inside, (size_t)(strchr(inside, '.') - inside), &above, NULL));
    airlock_node parent;
    size_t count = 0;
    size_t at = 0;
    OK(airlock_node_read(model, above, &parent, NULL));
    airlock_child *children = space(parent.children, sizeof *children);
    OK(airlock_node_children(model, parent.id, 0, children, parent.children, &count, NULL));
    CHECK(parent.form == AIRLOCK_FORM_OPAQUE && count == parent.children);
    while (at < count && children[at].node.id != node) {
        at++;
    }
    CHECK(at < count && text_is(children[at].name, strchr(inside, '.') + 1));
    free(children);
    release(model);
    release(options);
    release(engine);
}

/* ------------------------------------------------------------------------------------------------ misuse */

/* Every call that wants a handle of one kind, with this one. */
static void wrong_handle(uint64_t handle, const char *code, int is_engine, int is_model, int is_options) {
    uint64_t made = 7;
    uint64_t good_engine = start_engine();
    size_t count = 0;
    uint32_t node = 0;
    airlock_model_info info;
    airlock_node a_node;
    uint8_t byte = 0;
    if (!is_engine) {
        MISUSE(airlock_open_path(handle, 0, "x", 1, &made, &error), code);
        MISUSE(airlock_open_bytes(handle, 0, NULL, 0, &byte, 1, &made, &error), code);
        MISUSE(airlock_inspect_path(handle, 0, "x", 1, &made, &error), code);
        MISUSE(airlock_inspect_bytes(handle, 0, NULL, 0, &byte, 1, &made, &error), code);
    }
    if (!is_options) {
        MISUSE(airlock_options_limit(handle, "fuel", 4, 1, &error), code);
        MISUSE(airlock_options_evidence(handle, "unverified", 10, NULL, 0, &error), code);
        /* A description that cannot be read is said first. */
        FAILS(airlock_options_types(handle, "no", 2, &error), AIRLOCK_STATUS_INPUT, "types-io");
        if (handle != 0) {
            MISUSE(airlock_open_path(good_engine, handle, "x", 1, &made, &error), code);
        }
    }
    if (!is_model) {
        MISUSE(airlock_model_info_read(handle, &info, &error), code);
        MISUSE(airlock_model_evidence(handle, 0, NULL, 0, &count, &error), code);
        MISUSE(airlock_model_variables(handle, 0, NULL, 0, &count, &error), code);
        MISUSE(airlock_model_nodes(handle, AIRLOCK_LIST_OPAQUE, 0, NULL, 0, &count, &error), code);
        MISUSE(airlock_model_notes(handle, 0, NULL, 0, &count, &error), code);
        MISUSE(airlock_model_asides(handle, 0, NULL, 0, &count, &error), code);
        MISUSE(airlock_model_arrays(handle, 0, NULL, 0, &count, &error), code);
        MISUSE(airlock_array_also_at(handle, 0, 0, NULL, 0, &count, &error), code);
        MISUSE(airlock_array_copy(handle, 0, &byte, 1, &error), code);
        MISUSE(airlock_node_read(handle, 0, &a_node, &error), code);
        MISUSE(airlock_node_children(handle, 0, 0, NULL, 0, &count, &error), code);
        MISUSE(airlock_node_size(handle, 0, 0, NULL, 0, &count, &error), code);
        MISUSE(airlock_node_type(handle, 0, 0, NULL, 0, &count, &error), code);
        MISUSE(airlock_node_find(handle, "x", 1, &node, &error), code);
        MISUSE(airlock_node_text_new(handle, 0, AIRLOCK_NODE_TEXT_PATH, &made, &error), code);
        MISUSE(airlock_model_text_new(handle, AIRLOCK_MODEL_TEXT_LAYERS, &made, &error), code);
        MISUSE(airlock_model_only(handle, "x", 1, &made, &error), code);
        MISUSE(airlock_model_write(handle, "json", 4, "x", 1, 0, &error), code);
    }
    airlock_error_info said;
    airlock_text text;
    CHECK(airlock_error_read(handle, &said) == AIRLOCK_STATUS_USAGE);
    CHECK(airlock_string_read(handle, &text) == AIRLOCK_STATUS_USAGE);
    CHECK(made == 0 || (is_engine && is_model));
    release(good_engine);
}

static void misuse(const char *genuine) {
    uint64_t engine = start_engine();
    uint64_t options = unverified();
    uint64_t model = open_model(engine, options, genuine);
    uint64_t string = 0;
    uint64_t made = 7;
    airlock_error_info said;
    airlock_text text;
    OK(airlock_node_text_new(model, 0, AIRLOCK_NODE_TEXT_PATH, &string, NULL));

    CHECK(airlock_abi_version() == AIRLOCK_ABI_VERSION);
    CHECK(airlock_version().len > 0 && airlock_guest_sha256().len == 64 && airlock_wasmtime_version().len > 0);
    OK(airlock_release(0));
    CHECK(airlock_release(1) == AIRLOCK_STATUS_USAGE && airlock_release(UINT64_MAX) == AIRLOCK_STATUS_USAGE);

    /* Handles of the wrong kind, of none, and of no use any more. */
    wrong_handle(engine, "wrong-handle", 1, 0, 0);
    wrong_handle(options, "wrong-handle", 0, 0, 1);
    wrong_handle(model, "wrong-handle", 0, 1, 0);
    wrong_handle(0, "bad-handle", 0, 0, 0);
    wrong_handle(UINT64_MAX, "bad-handle", 0, 0, 0);
    wrong_handle(3, "bad-handle", 0, 0, 0);
    CHECK(airlock_string_read(string, &text) == AIRLOCK_STATUS_OK && text.len > 0);
    CHECK(airlock_error_read(string, &said) == AIRLOCK_STATUS_USAGE);
    uint64_t released = string;
    release(string);
    wrong_handle(released, "bad-handle", 0, 0, 0);
    /* The place is used again, under another number. */
    OK(airlock_options_new(&string, NULL));
    CHECK(string != released);
    wrong_handle(released, "bad-handle", 0, 0, 0);
    release(string);

    /* No place for what a call gives, or no memory where it is said to be. */
    size_t count = 0;
    airlock_model_info info;
    OK(airlock_model_info_read(model, &info, NULL));
    MISUSE(airlock_engine_new(NULL, &error), "null-pointer");
    MISUSE(airlock_options_new(NULL, &error), "null-pointer");
    MISUSE(airlock_options_limit(options, NULL, 4, 1, &error), "null-pointer");
    MISUSE(airlock_options_evidence(options, NULL, 3, NULL, 0, &error), "null-pointer");
    MISUSE(airlock_options_evidence(options, "pin", 3, NULL, 1, &error), "null-pointer");
    MISUSE(airlock_open_path(engine, options, NULL, 9, &made, &error), "null-pointer");
    CHECK(made == 0);
    MISUSE(airlock_open_path(engine, options, genuine, strlen(genuine), NULL, &error), "null-pointer");
    MISUSE(airlock_open_bytes(engine, options, NULL, 0, NULL, 9, &made, &error), "null-pointer");
    MISUSE(airlock_open_bytes(engine, options, NULL, 1, (const uint8_t *)"x", 1, &made, &error), "null-pointer");
    MISUSE(airlock_open_bytes(engine, options, NULL, 0, (const uint8_t *)"x", SIZE_MAX, &made, &error), "length");
    MISUSE(airlock_open_bytes(engine, options, "\xff", 1, (const uint8_t *)"x", 1, &made, &error), "not-utf8");
    MISUSE(airlock_options_limit(options, "\xff", 1, 1, &error), "not-utf8");
    MISUSE(airlock_inspect_path(engine, options, "x", 1, NULL, &error), "null-pointer");
    MISUSE(airlock_model_info_read(model, NULL, &error), "null-pointer");
    MISUSE(airlock_model_variables(model, 0, NULL, 1, &count, &error), "null-pointer");
    MISUSE(airlock_model_variables(model, 0, NULL, 0, NULL, &error), "null-pointer");
    MISUSE(airlock_model_arrays(model, 0, NULL, 1, &count, &error), "null-pointer");
    MISUSE(airlock_node_read(model, 0, NULL, &error), "null-pointer");
    MISUSE(airlock_node_find(model, NULL, 2, &info.nodes, &error), "null-pointer");
    MISUSE(airlock_node_find(model, "x", 1, NULL, &error), "null-pointer");
    MISUSE(airlock_node_text_new(model, 0, AIRLOCK_NODE_TEXT_PATH, NULL, &error), "null-pointer");
    MISUSE(airlock_model_only(model, NULL, 1, &made, &error), "null-pointer");
    CHECK(airlock_error_read(model, NULL) == AIRLOCK_STATUS_USAGE);
    CHECK(airlock_string_read(model, NULL) == AIRLOCK_STATUS_USAGE);
    /* Errors that nobody wants to know. */
    CHECK(airlock_open_path(engine, 0, NULL, 9, NULL, NULL) == AIRLOCK_STATUS_USAGE);
    CHECK(airlock_open_path(engine, 0, genuine, strlen(genuine), &made, NULL) == AIRLOCK_STATUS_NOT_VERIFIED);

    /* Numbers of nothing. */
    uint32_t node = AIRLOCK_NONE;
    airlock_node a_node;
    uint8_t byte = 0;
    airlock_array array;
    MISUSE(airlock_node_read(model, info.nodes, &a_node, &error), "no-such-node");
    MISUSE(airlock_node_children(model, UINT32_MAX, 0, NULL, 0, &count, &error), "no-such-node");
    MISUSE(airlock_array_copy(model, info.arrays, &byte, 1, &error), "no-such-array");
    MISUSE(airlock_array_also_at(model, UINT32_MAX, 0, NULL, 0, &count, &error), "no-such-array");
    MISUSE(airlock_model_nodes(model, 2, 0, NULL, 0, &count, &error), "unknown-list");
    MISUSE(airlock_model_text_new(model, 3, &made, &error), "unknown-text");
    MISUSE(airlock_node_text_new(model, 0, 6, &made, &error), "unknown-text");
    MISUSE(airlock_node_find(model, "nowhere", 7, &node, &error), "no-such-path");
    MISUSE(airlock_model_only(model, "nobody", 6, &made, &error), "no-such-variable");
    OK(airlock_model_arrays(model, 0, &array, 1, &count, NULL));
    CHECK(count == info.arrays && count > 0);
    MISUSE(airlock_node_text_new(model, array.node, AIRLOCK_NODE_TEXT_VALUE, &made, &error), "wrong-form");
    MISUSE(airlock_node_text_new(model, array.node, AIRLOCK_NODE_TEXT_TYPE, &made, &error), "wrong-form");
    MISUSE(airlock_node_text_new(model, array.node, AIRLOCK_NODE_TEXT_MESSAGE, &made, &error), "wrong-form");
    MISUSE(airlock_array_copy(model, 0, &byte, 1, &error), "buffer-length");
    MISUSE(airlock_array_copy(model, 0, NULL, array.len, &error), "null-pointer");
    /* A piece beyond the end is empty, and leaves its place alone. */
    array.number = 77;
    OK(airlock_model_arrays(model, count, &array, 1, &count, NULL));
    OK(airlock_model_arrays(model, SIZE_MAX, &array, 1, &count, NULL));
    CHECK(array.number == 77 && count == info.arrays);
    /* A place need not be aligned. */
    unsigned char room[sizeof info + 1];
    OK(airlock_model_info_read(model, (void *)(room + 1), NULL));
    memcpy(&info, room + 1, sizeof info);
    CHECK(info.arrays == count);

    /* Enumerations end, and none has a name twice. */
    for (uint32_t which = AIRLOCK_ENUM_ASIDE; which <= AIRLOCK_ENUM_WHY; which++) {
        uint32_t last = airlock_enum_count(which);
        CHECK(last > 0 && airlock_enum_name(which, last).ptr == NULL);
        for (uint32_t number = 0; number < last; number++) {
            text = airlock_enum_name(which, number);
            CHECK(text.ptr != NULL && text.len > 0);
            for (uint32_t other = 0; other < number; other++) {
                airlock_text name = airlock_enum_name(which, other);
                /* `flatten` and others are in two modules. */
                CHECK(which == AIRLOCK_ENUM_FUNCTION || name.len != text.len || memcmp(name.ptr, text.ptr, text.len) != 0);
            }
        }
    }
    CHECK(airlock_enum_count(AIRLOCK_ENUM_WHY + 1) == 0 && airlock_enum_name(99, 0).ptr == NULL);
    CHECK(text_is(airlock_enum_name(AIRLOCK_ENUM_STATUS, AIRLOCK_STATUS_NOT_VERIFIED), "not-verified"));
    CHECK(text_is(airlock_enum_name(AIRLOCK_ENUM_FORM, AIRLOCK_FORM_TUPLE), "tuple"));
    CHECK(airlock_kind_group(UINT32_MAX).ptr == NULL && airlock_kind_field(0, UINT32_MAX).ptr == NULL);
    CHECK(airlock_kind_field_count(UINT32_MAX) == 0 && airlock_kind_field(UINT32_MAX, 0).ptr == NULL);
    CHECK(airlock_function_module(UINT32_MAX).ptr == NULL && airlock_eltype_width(UINT32_MAX) == 0);
    for (uint32_t kind = 0; kind < airlock_enum_count(AIRLOCK_ENUM_KIND); kind++) {
        CHECK(airlock_kind_group(kind).len > 0);
    }

    /* What is released is gone, and what came from it is not. */
    release(options);
    release(engine);
    OK(airlock_model_info_read(model, &info, NULL));
    release(model);
    wrong_handle(model, "bad-handle", 0, 0, 0);
}

/* ------------------------------------------------------------------------------------------------ threads */

struct shared {
    uint64_t engine;
    uint64_t options;
    uint64_t contested;
    const char *path;
    pthread_barrier_t start;
    int won[8];
};

struct worker {
    struct shared *shared;
    int number;
};

static void *work(void *argument) {
    struct worker *worker = argument;
    struct shared *shared = worker->shared;
    for (int round = 0; round < 20; round++) {
        uint64_t model = open_model(shared->engine, shared->options, shared->path);
        airlock_model_info info;
        OK(airlock_model_info_read(model, &info, NULL));
        print_model_text(model, AIRLOCK_MODEL_TEXT_LAYERS);
        release(model);
    }
    /* All release the same handle: one of them does. */
    pthread_barrier_wait(&shared->start);
    airlock_model_info info;
    airlock_status read = airlock_model_info_read(shared->contested, &info, NULL);
    CHECK(read == AIRLOCK_STATUS_OK || read == AIRLOCK_STATUS_USAGE);
    shared->won[worker->number] = airlock_release(shared->contested) == AIRLOCK_STATUS_OK;
    return NULL;
}

static void threads(const char *path) {
    struct shared shared = {start_engine(), unverified(), 0, path, {{0}}, {0}};
    struct worker workers[8];
    pthread_t ids[8];
    shared.contested = open_model(shared.engine, shared.options, path);
    CHECK(pthread_barrier_init(&shared.start, NULL, 8) == 0);
    for (int number = 0; number < 8; number++) {
        workers[number].shared = &shared;
        workers[number].number = number;
        CHECK(pthread_create(&ids[number], NULL, work, &workers[number]) == 0);
    }
    int won = 0;
    for (int number = 0; number < 8; number++) {
        CHECK(pthread_join(ids[number], NULL) == 0);
        won += shared.won[number];
    }
    CHECK(won == 1);
    pthread_barrier_destroy(&shared.start);
    release(shared.options);
    release(shared.engine);
}

/* ------------------------------------------------------------------------------------------------ churn */

static long most_memory(void) {
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_maxrss;
}

static void churn(const char *path, long count) {
    uint64_t engine = start_engine();
    uint64_t options = unverified();
    long before = 0;
    for (long round = 0; round < count; round++) {
        uint64_t model = open_model(engine, options, path);
        airlock_model_info info;
        OK(airlock_model_info_read(model, &info, NULL));
        OK(airlock_release(model));
        /* An error is an object too. */
        uint64_t error = 0;
        CHECK(airlock_node_read(model, 0, NULL, &error) == AIRLOCK_STATUS_USAGE);
        OK(airlock_release(error));
        if (round == count / 10) {
            before = most_memory();
        }
    }
    printf("%ld rounds: %ld KiB at a tenth of them, %ld KiB in the end\n", count, before, most_memory());
    CHECK(most_memory() - before < 1024);
    release(options);
    release(engine);
}

/* The code of an error, which is released. */
static void print_code(uint64_t error) {
    airlock_error_info info;
    OK(airlock_error_read(error, &info));
    CHECK(info.code.len > 0 && info.text.len > 0);
    printf("%u %.*s\n", (unsigned)info.status, (int)info.code.len, info.code.ptr);
    release(error);
}

static void print_plain(const char *name, airlock_text text) {
    if (text.ptr != NULL) {
        printf(" %s=%.*s", name, (int)text.len, text.ptr);
    }
}

/* Opens a model under what is given by name, and says what vouches for it, or why not. */
static void vouched(const char *path, int count, char **given) {
    uint64_t engine = start_engine();
    uint64_t options = 0;
    uint64_t model = 0;
    uint64_t error = 0;
    OK(airlock_options_new(&options, NULL));
    for (int at = 0; at + 1 < count && error == 0; at += 2) {
        const char *kind = given[at];
        const char *value = given[at + 1];
        if (strcmp(kind, "policy") == 0) {
            airlock_options_policy(options, value, strlen(value), &error);
        } else {
            airlock_options_evidence(options, kind, strlen(kind), value, strlen(value), &error);
        }
    }
    if (error == 0) {
        /* Twice, since a registry is asked once. */
        if (airlock_open_path(engine, options, path, strlen(path), &model, &error) == AIRLOCK_STATUS_OK) {
            release(model);
            OK(airlock_open_path(engine, options, path, strlen(path), &model, NULL));
        }
    }
    if (error != 0) {
        CHECK(model == 0);
        print_code(error);
    } else {
        airlock_evidence evidence[8];
        size_t held = 0;
        OK(airlock_model_evidence(model, 0, evidence, 8, &held, NULL));
        for (size_t at = 0; at < held; at++) {
            airlock_evidence one = evidence[at];
            printf("%.*s", (int)one.kind.len, one.kind.ptr);
            CHECK(one.digest.len == 71);
            print_plain("format", one.format);
            print_plain("key", one.key_id);
            print_plain("comment", one.comment);
            print_plain("name", one.name);
            CHECK((one.registry.ptr != NULL) == (one.version != 0));
            printf(" version=%" PRIu64 "%s\n", one.version, one.time > 1700000000 ? " timed" : "");
        }
        printf("%zu\n", held);
        release(model);
    }
    release(options);
    release(engine);
}

static int act(int argc, char **argv) {
    CHECK(argc >= 3);
    const char *action = argv[1];
    if (strcmp(action, "dump") == 0) {
        uint64_t engine = start_engine();
        uint64_t options = unverified();
        for (int file = 2; file < argc; file++) {
            dump(engine, options, argv[file]);
        }
        release(options);
        release(engine);
    } else if (strcmp(action, "write") == 0 && argc == 5) {
        uint64_t engine = start_engine();
        uint64_t options = unverified();
        uint64_t model = open_model(engine, options, argv[2]);
        OK(airlock_model_write(model, "safetensors", 11, argv[3], strlen(argv[3]), 0, NULL));
        OK(airlock_model_write(model, "json", 4, argv[4], strlen(argv[4]), 0, NULL));
        release(model);
        release(options);
        release(engine);
    } else if (strcmp(action, "types") == 0 && argc == 5) {
        types(argv[2], argv[3], argv[4]);
    } else if (strcmp(action, "vouched") == 0) {
        vouched(argv[2], argc - 3, argv + 3);
    } else if (strcmp(action, "errors") == 0 && argc == 4) {
        errors(argv[2], argv[3]);
    } else if (strcmp(action, "misuse") == 0) {
        misuse(argv[2]);
    } else if (strcmp(action, "threads") == 0) {
        threads(argv[2]);
    } else if (strcmp(action, "churn") == 0 && argc == 4) {
        churn(argv[2], strtol(argv[3], NULL, 10));
    } else {
        return 2;
    }
    return 0;
}

struct arguments {
    int argc;
    char **argv;
    int status;
};

static void *act_in_thread(void *argument) {
    struct arguments *arguments = argument;
    arguments->status = act(arguments->argc, arguments->argv);
    return NULL;
}

/* In a thread of its own, which leaves nothing behind when it ends. What Rust's library keeps for the first thread of a process, a
 * block of 48 bytes, is never given back. */
int main(int argc, char **argv) {
    struct arguments arguments = {argc, argv, 1};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, act_in_thread, &arguments) == 0 && pthread_join(thread, NULL) == 0);
    return arguments.status;
}
