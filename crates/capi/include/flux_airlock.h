/*
 * The C ABI of flux-airlock: opens Flux.jl model files that nobody has to trust.
 *
 * Handles are numbers and never addresses; 0 is none. A handle that was released, that never existed, or that stands for
 * something else than the call wants is an error (AIRLOCK_STATUS_USAGE, code `bad-handle` or `wrong-handle`) and never a
 * crash. No number is given out twice. Whatever gives out a handle gives it to the caller, who releases it once with
 * airlock_release, on any thread. Handles do not depend on each other: an engine may go before its models.
 *
 * A call that can fail returns a status, and has as its last argument a place for an error object: NULL, or where the
 * handle of one is put, 0 if there is none. If a call fails, the handle that it should have given is 0 as well, and other
 * places are left alone.
 *
 * Texts that go in are a pointer and a length, UTF-8, without a NUL at the end; the pointer may be NULL if the length is 0. A
 * path is whatever bytes the system allows (on Windows, UTF-8). Texts that come out are an airlock_text: not
 * NUL-terminated, and they may hold NULs. Its pointer is NULL where there is no such text, and is not where there is one
 * that is empty. Texts of a file are as they are in the file, names included: escape them where they are shown. What is said
 * to be for people is escaped already.
 *
 * What a pointer that comes out points to belongs to the object that it was read from, does not change, and lives until
 * that object is released. What the tables of the library say (names of kinds, codes) lives as long as the library.
 *
 * Pointers that go in must be NULL or valid for the size that they are given with, for the time of the call; places need
 * not be aligned. Where NULL is not allowed it is an error (code `null-pointer`).
 *
 * Every call may be made on any thread at any time, several at once with the same handles too. One mistake is not caught:
 * to read memory of an object that another thread releases meanwhile.
 *
 * Lists are read in pieces: from entry `first` on (counted from 0), up to `capacity` entries are put at `out`. `count` says
 * how many entries the list has altogether, so that a call with a capacity of 0, whose `out` may be NULL, asks for that alone.
 *
 * Nodes are values of a file, known by ids. Equal ids in one model are the same object of the file, so that tied weights and
 * shared layers are recognised; what a node holds has smaller ids. Arrays are known by numbers, counted from 0. Nodes come from
 * a closed set of forms, and what has a meaning in them (a layer, a function, the type of a number) from the closed
 * enumerations of the library.
 *
 * The library calls nothing back, installs no handler of signals, and writes nothing to standard output or standard error. No
 * panic leaves it.
 *
 * Made from the source of the library by `cargo xtask header`.
 */

#ifndef FLUX_AIRLOCK_H
#define FLUX_AIRLOCK_H

#include <stddef.h>
#include <stdint.h>

/**
 * The version of this header. Compare it with airlock_abi_version before any other call.
 */
#define AIRLOCK_ABI_VERSION 3

/**
 * In the place of a number: there is none.
 */
#define AIRLOCK_NONE 4294967295

/**
 * For airlock_model_write: replace the output if it exists.
 */
#define AIRLOCK_WRITE_OVERWRITE 1

/**
 * For airlock_model_write: leave out the arrays that the format cannot hold. The output lists them.
 */
#define AIRLOCK_WRITE_OMIT 2

/**
 * What came of a call: 0, or who must act.
 */
enum airlock_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * It did what it should.
   */
  AIRLOCK_STATUS_OK = 0,
  /**
   * The file is no well-formed BSON.jl file: who made it.
   */
  AIRLOCK_STATUS_MALFORMED = 1,
  /**
   * The file wants more than was granted: grant it, or distrust the file.
   */
  AIRLOCK_STATUS_LIMIT = 2,
  /**
   * There is no evidence, or it does not hold: who vouches for the file.
   */
  AIRLOCK_STATUS_NOT_VERIFIED = 3,
  /**
   * The decoder misbehaved, and nothing of what it said was used: the authors of the library.
   */
  AIRLOCK_STATUS_GUEST = 4,
  /**
   * This machine could not do it: its operator.
   */
  AIRLOCK_STATUS_ENGINE = 5,
  /**
   * The file, or one that evidence or types are in, cannot be read: who called.
   */
  AIRLOCK_STATUS_INPUT = 6,
  /**
   * The output cannot be written, or its format cannot hold the model: who called.
   */
  AIRLOCK_STATUS_OUTPUT = 7,
  /**
   * The call is not one that can be made: the author of the program.
   */
  AIRLOCK_STATUS_USAGE = 8,
  /**
   * The library is at fault: its authors.
   */
  AIRLOCK_STATUS_INTERNAL = 9,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum airlock_status airlock_status;
#else
typedef uint32_t airlock_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a node is.
 */
enum airlock_form
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * An array whose elements are nodes, in column-major order, with a size of its own (airlock_node_size).
   */
  AIRLOCK_FORM_ARRAY = 0,
  /**
   * A function known by name; `number` says which (AIRLOCK_ENUM_FUNCTION).
   */
  AIRLOCK_FORM_FUNCTION = 1,
  /**
   * A vector of nodes.
   */
  AIRLOCK_FORM_LIST = 2,
  /**
   * A NamedTuple: its children have names.
   */
  AIRLOCK_FORM_NAMED_TUPLE = 3,
  /**
   * Julia's `nothing`.
   */
  AIRLOCK_FORM_NOTHING = 4,
  /**
   * A number, a Bool or a Char; `number` says of which type (AIRLOCK_ENUM_ELTYPE), `bits` which.
   */
  AIRLOCK_FORM_NUMBER = 5,
  /**
   * Something that is not rebuilt; `number` says why (AIRLOCK_ENUM_WHY). Its children are what a closure captured, or the values
   * of its fields, with names if a description of types gives them.
   */
  AIRLOCK_FORM_OPAQUE = 6,
  /**
   * A Dict with symbols for keys: its children have names.
   */
  AIRLOCK_FORM_RECORD = 7,
  /**
   * A string: `text`, which may be no UTF-8.
   */
  AIRLOCK_FORM_STRING = 8,
  /**
   * A struct known by name; `number` says which (AIRLOCK_ENUM_KIND). Its children are its fields, with their names of today.
   */
  AIRLOCK_FORM_STRUCT = 9,
  /**
   * A symbol: `text`.
   */
  AIRLOCK_FORM_SYMBOL = 10,
  /**
   * An array of numbers; `number` says which. It may be one that is no part of the model.
   */
  AIRLOCK_FORM_TENSOR = 11,
  /**
   * A tuple of nodes.
   */
  AIRLOCK_FORM_TUPLE = 12,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum airlock_form airlock_form;
#else
typedef uint32_t airlock_form;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A closed enumeration, for airlock_enum_count and airlock_enum_name.
 */
enum airlock_enum
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * What a value beside the model was, seen from its owner: `state`, `grad`.
   */
  AIRLOCK_ENUM_ASIDE = 0,
  /**
   * The types of numbers: `Float32`, `Complex{Float64}`.
   */
  AIRLOCK_ENUM_ELTYPE = 1,
  /**
   * What a node can be: `struct`, `tensor`.
   */
  AIRLOCK_ENUM_FORM = 2,
  /**
   * Functions: `relu`. Their modules are had from airlock_function_module.
   */
  AIRLOCK_ENUM_FUNCTION = 3,
  /**
   * Structs: `Dense`, `Base.Dict`. Their fields are had from airlock_kind_field.
   */
  AIRLOCK_ENUM_KIND = 4,
  /**
   * Limits: `depth`, `memory-bytes`.
   */
  AIRLOCK_ENUM_LIMIT = 5,
  /**
   * Remarks: `moving-deviation`.
   */
  AIRLOCK_ENUM_NOTE = 6,
  /**
   * What comes of a call: `ok`, `malformed`.
   */
  AIRLOCK_ENUM_STATUS = 7,
  /**
   * Why a value is opaque: `closure`, `unknown-struct`.
   */
  AIRLOCK_ENUM_WHY = 8,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum airlock_enum airlock_enum;
#else
typedef uint32_t airlock_enum;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A list of nodes.
 */
enum airlock_list
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * What is not rebuilt, in the order of the paths.
   */
  AIRLOCK_LIST_OPAQUE = 0,
  /**
   * The first 10,000 numbers and strings of the file, in the order of the paths.
   */
  AIRLOCK_LIST_SCALARS = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum airlock_list airlock_list;
#else
typedef uint32_t airlock_list;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A text about a model as a whole.
 */
enum airlock_model_text
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * The report as JSON in one line. The digests of all arrays are computed for it.
   */
  AIRLOCK_MODEL_TEXT_REPORT = 0,
  /**
   * The report as indented JSON.
   */
  AIRLOCK_MODEL_TEXT_REPORT_INDENTED = 1,
  /**
   * The specification of the layers alone, as JSON in one line.
   */
  AIRLOCK_MODEL_TEXT_LAYERS = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum airlock_model_text airlock_model_text;
#else
typedef uint32_t airlock_model_text;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A text about a node.
 */
enum airlock_node_text
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * The first of its paths: `model.layers[1].weight`. Escaped.
   */
  AIRLOCK_NODE_TEXT_PATH = 0,
  /**
   * It in one line, as Julia prints it. Escaped.
   */
  AIRLOCK_NODE_TEXT_SUMMARY = 1,
  /**
   * It as a tree of lines, as Flux prints a model. Escaped.
   */
  AIRLOCK_NODE_TEXT_TREE = 2,
  /**
   * A number as Julia prints it, in full.
   */
  AIRLOCK_NODE_TEXT_VALUE = 3,
  /**
   * The path of the type of something opaque; empty where it has none. Escaped.
   */
  AIRLOCK_NODE_TEXT_TYPE = 4,
  /**
   * Why something is opaque, as a sentence.
   */
  AIRLOCK_NODE_TEXT_MESSAGE = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum airlock_node_text airlock_node_text;
#else
typedef uint32_t airlock_node_text;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A text: not NUL-terminated, and it may hold NULs. `ptr` is NULL where there is none.
 */
typedef struct airlock_text {
  /**
   * Its first byte.
   */
  const char *ptr;
  /**
   * How many bytes it has.
   */
  size_t len;
} airlock_text;

/**
 * An error. The texts live until the error object is released.
 */
typedef struct airlock_error_info {
  /**
   * Who must act.
   */
  airlock_status status;
  /**
   * 1 if there is a place in the file, else 0.
   */
  uint32_t has_offset;
  /**
   * The place, counted in bytes from the start of the file.
   */
  uint64_t offset;
  /**
   * What was granted, if it is a limit.
   */
  uint64_t granted;
  /**
   * The stable name of the error, in kebab case: `dangling-backref`, `digest-mismatch`, `bad-handle`.
   */
  struct airlock_text code;
  /**
   * A sentence, without the place. Escaped.
   */
  struct airlock_text message;
  /**
   * The sentence with the place, for people. Escaped.
   */
  struct airlock_text text;
  /**
   * The way to the flawed element, or the array that cannot be written.
   */
  struct airlock_text path;
  /**
   * The name of the limit.
   */
  struct airlock_text limit;
  /**
   * The report about the file as JSON in one line, if the error is a verdict on a file.
   */
  struct airlock_text report;
} airlock_error_info;

/**
 * A model as a whole.
 */
typedef struct airlock_model_info {
  /**
   * Where it was read from, or what the caller called its bytes.
   */
  struct airlock_text file_path;
  /**
   * The SHA-256 of the file in hexadecimal.
   */
  struct airlock_text file_sha256;
  /**
   * The SHA-256 of the decoder that read it, in hexadecimal.
   */
  struct airlock_text guest_sha256;
  /**
   * The versions of Flux that have all its layouts: `0.12.0–0.14.25`, one alone, or `0.15.0–` up to the newest that is known.
   */
  struct airlock_text written_by_flux;
  /**
   * The version of Julia that wrote it, where the file says so.
   */
  struct airlock_text written_by_julia;
  /**
   * The versions of BSON.jl that write as the file is written, where that shows: a range, as for Flux.
   */
  struct airlock_text written_by_bson_jl;
  /**
   * How many bytes the file has.
   */
  uint64_t file_bytes;
  /**
   * What decoding used of its fuel, about one for each instruction: the same on every machine.
   */
  uint64_t fuel_used;
  /**
   * What was granted of it.
   */
  uint64_t fuel_limit;
  /**
   * The memory of the sandbox in the end, in bytes.
   */
  uint64_t memory_bytes;
  /**
   * How long decoding took, in microseconds.
   */
  uint64_t wall_us;
  /**
   * How many numbers and strings there are beyond those of AIRLOCK_LIST_SCALARS.
   */
  uint64_t scalars_more;
  /**
   * How many nodes the file has: ids are below it.
   */
  uint32_t nodes;
  /**
   * How many arrays it has: numbers are below it.
   */
  uint32_t arrays;
} airlock_model_info;

/**
 * Something that vouches for a model.
 */
typedef struct airlock_evidence {
  /**
   * What sort of thing it is: `pin`, `registry` or `signature`. The report has the rest of it.
   */
  struct airlock_text kind;
  /**
   * The digest of the file for which it holds: `sha256:…`.
   */
  struct airlock_text digest;
  /**
   * The name under which a lock file gives it, if one does.
   */
  struct airlock_text lock;
  /**
   * A signature's format: `oms` or `minisign`.
   */
  struct airlock_text format;
  /**
   * The key that made a signature: `sha256:…` of an elliptic curve key, or the sixteen digits of a minisign key.
   */
  struct airlock_text key_id;
  /**
   * Whose key that is, if a certificate says it.
   */
  struct airlock_text signer;
  /**
   * What the key has signed beside the file.
   */
  struct airlock_text comment;
  /**
   * The file's name in the folder that was signed, or in the registry.
   */
  struct airlock_text name;
  /**
   * Where the registry is.
   */
  struct airlock_text registry;
  /**
   * The version of the registry's list; 0 if it is none.
   */
  uint64_t version;
  /**
   * When the file was added to the registry, or was signed by the word of the signer, in seconds since 1970; 0 if nothing says it.
   */
  uint64_t time;
} airlock_evidence;

/**
 * A saved variable.
 */
typedef struct airlock_variable {
  /**
   * Its name as it is in the file; none if the file is one value.
   */
  struct airlock_text name;
  /**
   * Its path: the name, quoted if it is no identifier; `root` if there is none.
   */
  struct airlock_text path;
  /**
   * Its value.
   */
  uint32_t node;
} airlock_variable;

/**
 * What is said of a node: that Flux of today reads it otherwise than the Flux that saved it, or how a description of types fits.
 */
typedef struct airlock_note {
  /**
   * The node.
   */
  uint32_t node;
  /**
   * Its number in AIRLOCK_ENUM_NOTE.
   */
  uint32_t number;
  /**
   * Its stable name.
   */
  struct airlock_text code;
  /**
   * It as a sentence.
   */
  struct airlock_text message;
} airlock_note;

/**
 * A value that was in the file and has no place in a model of today: a gradient, the state of a recurrent layer.
 */
typedef struct airlock_aside {
  /**
   * The node that it was found at.
   */
  uint32_t owner;
  /**
   * Its node.
   */
  uint32_t value;
  /**
   * What it was there: its number in AIRLOCK_ENUM_ASIDE.
   */
  uint32_t number;
  /**
   * The name of that.
   */
  struct airlock_text name;
} airlock_aside;

/**
 * A value of a file.
 */
typedef struct airlock_node {
  /**
   * What it is known by. Equal ids are the same object.
   */
  uint32_t id;
  /**
   * What it is.
   */
  airlock_form form;
  /**
   * What the form says; else AIRLOCK_NONE.
   */
  uint32_t number;
  /**
   * How many nodes it holds directly.
   */
  uint32_t children;
  /**
   * How many dimensions airlock_node_size gives: of an array of nodes, or of an opaque array whose size is known.
   */
  uint32_t ndims;
  /**
   * The type of a number, or of the elements of an array of numbers, or of an opaque array where it is known
   * (AIRLOCK_ENUM_ELTYPE); else AIRLOCK_NONE.
   */
  uint32_t eltype;
  /**
   * 1 if `integer` is the value: of integers that fit, and of a Bool.
   */
  uint32_t has_integer;
  /**
   * 1 if `real` is the value: of floating-point numbers.
   */
  uint32_t has_real;
  /**
   * The value of an integer.
   */
  int64_t integer;
  /**
   * The value of a floating-point number.
   */
  double real;
  /**
   * The bytes of a number, little-endian, as many as its type has (airlock_eltype_width), and zeros after them: the exact value,
   * whatever its type.
   */
  uint8_t bits[32];
  /**
   * The name of the number: a kind's, a function's, a type's, a reason's.
   */
  struct airlock_text name;
  /**
   * What a string or a symbol says, as it is in the file. Lives until the model is released.
   */
  struct airlock_text text;
} airlock_node;

/**
 * A node that another one holds.
 */
typedef struct airlock_child {
  /**
   * The name of the field or entry; none where children have no names. Lives until the model is released.
   */
  struct airlock_text name;
  /**
   * The node.
   */
  struct airlock_node node;
} airlock_child;

/**
 * An array. What its pointers lead to lives until the model is released.
 */
typedef struct airlock_array {
  /**
   * Its number: its place in the list of all arrays.
   */
  uint32_t number;
  /**
   * The node that it is at its path.
   */
  uint32_t node;
  /**
   * What its elements are (AIRLOCK_ENUM_ELTYPE); AIRLOCK_NONE if they are structs that are packed like numbers.
   */
  uint32_t eltype;
  /**
   * How many bytes an element has; 0 if they are structs.
   */
  uint32_t width;
  /**
   * How many dimensions it has.
   */
  uint32_t ndims;
  /**
   * How many further paths airlock_array_also_at lists: at most 16.
   */
  uint32_t also_at;
  /**
   * How many paths it has beyond those.
   */
  uint64_t also_at_more;
  /**
   * Its size, as many numbers as it has dimensions. The first dimension varies fastest.
   */
  const uint64_t *size;
  /**
   * Its bytes, where the verified file has them: little-endian, rarely aligned.
   */
  const uint8_t *data;
  /**
   * How many bytes it has: for numbers, the product of the size and the width.
   */
  size_t len;
  /**
   * Where in the file they are, counted from its start.
   */
  uint64_t offset;
  /**
   * The first of its paths: `model.layers[1].weight`. Escaped.
   */
  struct airlock_text path;
  /**
   * Julia's name of what its elements are. Escaped.
   */
  struct airlock_text eltype_name;
  /**
   * Why it is no part of the model: `gradient`, `recurrent-state`, `rng-state`, `packed-structs`; none if it is a part of it.
   */
  struct airlock_text omitted;
} airlock_array;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the library's ABI. It changes with every change that a program built with another header would not survive.
 */
uint32_t airlock_abi_version(void);

/**
 * The version of the library: `0.1.0`.
 */
struct airlock_text airlock_version(void);

/**
 * The SHA-256 of the decoder that runs in the sandbox, in hexadecimal.
 */
struct airlock_text airlock_guest_sha256(void);

/**
 * The version of the engine that the decoder runs in.
 */
struct airlock_text airlock_wasmtime_version(void);

/**
 * Releases whatever this handle stands for. 0 is fine and does nothing; any other number that is no handle (any more) gives
 * AIRLOCK_STATUS_USAGE, so that a second release is noticed and harmless.
 */
airlock_status airlock_release(uint64_t handle);

/**
 * Reads a string object. The text lives until the object is released.
 */
airlock_status airlock_string_read(uint64_t string, struct airlock_text *out);

/**
 * Reads an error object.
 */
airlock_status airlock_error_read(uint64_t error, struct airlock_error_info *out);

/**
 * How many numbers this enumeration (AIRLOCK_ENUM_…) has: all below it. 0 if there is no such enumeration.
 */
uint32_t airlock_enum_count(uint32_t which);

/**
 * The name of this number in this enumeration (AIRLOCK_ENUM_…); none if there is no such number.
 */
struct airlock_text airlock_enum_name(uint32_t which, uint32_t number);

/**
 * What sort of thing a struct of this kind is: `layer`, `callable`, `data`, `optimiser`, `random` or `wrapper`.
 */
struct airlock_text airlock_kind_group(uint32_t kind);

/**
 * How many fields a struct of this kind has.
 */
uint32_t airlock_kind_field_count(uint32_t kind);

/**
 * The name of the field at this place, counted from 0 in the order of declaration; none beyond the last.
 */
struct airlock_text airlock_kind_field(uint32_t kind, uint32_t place);

/**
 * The module that defines this function: `NNlib`.
 */
struct airlock_text airlock_function_module(uint32_t function);

/**
 * How many bytes a number of this type has.
 */
uint32_t airlock_eltype_width(uint32_t eltype);

/**
 * Makes options: the default limits, no evidence, and no description of types.
 */
airlock_status airlock_options_new(uint64_t *options, uint64_t *error);

/**
 * Grants a limit by its name (AIRLOCK_ENUM_LIMIT; `_` may stand for `-`). AIRLOCK_STATUS_USAGE, code `unknown-limit` or
 * `limit-out-of-range`, if that cannot be, and the options stay as they were.
 */
airlock_status airlock_options_limit(uint64_t options,
                                     const char *name,
                                     size_t name_len,
                                     uint64_t granted,
                                     uint64_t *error);

/**
 * Adds evidence, all of which must hold of a file:
 *
 * - `pin`: a digest (`sha256:…`, `sha512:…`, or bare hexadecimal digits); `lock`: the path of a lock file;
 * - `signature`: the path of a signature (OMS or minisign), which must have been made by `public-key`, the path of one for all
 *   signatures, or one for each in their order; or by a key whose certificate leads to one in `certificate-root`, a path. If it is
 *   about a folder, that is `signed-folder`, or else the one that it lies in;
 * - `registry`: a folder, or an `https://` or `http://` URL, whose first metadata is at the path `root`. It lists the file as `name`, or
 *   by the file's own; with an empty `name` it is asked only what was revoked. What was seen of it is kept in the folder `cache`,
 *   by default the user's; with `offline` (no value) nobody is asked. It is asked when a file is opened for the first time: what
 *   it revokes later is known to new options, and these refuse when what they know has expired.
 *
 * There can be several of `pin`, `lock`, `signature` and `public-key`, and one of each other kind.
 *
 * Files are read now, but for those of a registry. `unverified` (no value) opens without any, and is an error beside other
 * evidence. Codes are `unknown-evidence`, `bad-pin`, `bad-value`, `conflicting-evidence`, `repeated-evidence`, and those of lock files, signatures and keys
 * with AIRLOCK_STATUS_INPUT; the options then stay as they were. What says nothing alone, such as a signature without a signer, is
 * `incomplete-evidence` when a file is opened.
 */
airlock_status airlock_options_evidence(uint64_t options,
                                        const char *kind,
                                        size_t kind_len,
                                        const char *value,
                                        size_t value_len,
                                        uint64_t *error);

/**
 * Has structs of the author's own named by the description of types in the file at this path, which is read now; docs/types.md has
 * the form. It takes the place of one that was there. AIRLOCK_STATUS_INPUT, code `types-…`, if it is none.
 */
airlock_status airlock_options_types(uint64_t options,
                                     const char *path,
                                     size_t path_len,
                                     uint64_t *error);

/**
 * Puts files under the policy at this path; with no path (NULL and 0), under that of the user whose environment this is, or else
 * the system's, if there is one. Every `airlock.toml` in the process's folder and above it, which can only forbid, holds beside
 * it. It is read now, and takes the place of one that was there; docs/policy.md has the form. AIRLOCK_STATUS_INPUT, code `policy-…`,
 * if one of them cannot be used.
 */
airlock_status airlock_options_policy(uint64_t options,
                                      const char *path,
                                      size_t path_len,
                                      uint64_t *error);

/**
 * Starts an engine. It takes milliseconds, opening a small file takes microseconds: start one, and keep it for all files and
 * threads.
 */
airlock_status airlock_engine_new(uint64_t *engine,
                                  uint64_t *error);

/**
 * Opens the model in the file at this path. `options` may be 0. Without evidence and without `unverified` it is not opened:
 * AIRLOCK_STATUS_NOT_VERIFIED, code `no-evidence`.
 */
airlock_status airlock_open_path(uint64_t engine,
                                 uint64_t options,
                                 const char *path,
                                 size_t path_len,
                                 uint64_t *model,
                                 uint64_t *error);

/**
 * Opens the model in these bytes, which are copied. `name` is what reports call them and what a lock file is asked for; it may be empty.
 */
airlock_status airlock_open_bytes(uint64_t engine,
                                  uint64_t options,
                                  const char *name,
                                  size_t name_len,
                                  const uint8_t *bytes,
                                  size_t len,
                                  uint64_t *model,
                                  uint64_t *error);

/**
 * Describes the file at this path, whatever it is, and hands out no weights. Needs no evidence; what the options have must
 * hold. Gives a string object: the report as JSON in one line, of a file that is refused too.
 */
airlock_status airlock_inspect_path(uint64_t engine,
                                    uint64_t options,
                                    const char *path,
                                    size_t path_len,
                                    uint64_t *string,
                                    uint64_t *error);

/**
 * Describes these bytes as airlock_inspect_path describes a file.
 */
airlock_status airlock_inspect_bytes(uint64_t engine,
                                     uint64_t options,
                                     const char *name,
                                     size_t name_len,
                                     const uint8_t *bytes,
                                     size_t len,
                                     uint64_t *string,
                                     uint64_t *error);

/**
 * Reads what is known of a model as a whole.
 */
airlock_status airlock_model_info_read(uint64_t model, struct airlock_model_info *out, uint64_t *error);

/**
 * Lists what vouches for a model. Nothing: it was opened unverified.
 */
airlock_status airlock_model_evidence(uint64_t model,
                                      size_t first,
                                      struct airlock_evidence *out,
                                      size_t capacity,
                                      size_t *count,
                                      uint64_t *error);

/**
 * Lists the variables in the order of the file.
 */
airlock_status airlock_model_variables(uint64_t model,
                                       size_t first,
                                       struct airlock_variable *out,
                                       size_t capacity,
                                       size_t *count,
                                       uint64_t *error);

/**
 * Lists nodes (AIRLOCK_LIST_…).
 */
airlock_status airlock_model_nodes(uint64_t model,
                                   uint32_t which,
                                   size_t first,
                                   uint32_t *out,
                                   size_t capacity,
                                   size_t *count,
                                   uint64_t *error);

/**
 * Lists what is said of nodes.
 */
airlock_status airlock_model_notes(uint64_t model,
                                   size_t first,
                                   struct airlock_note *out,
                                   size_t capacity,
                                   size_t *count,
                                   uint64_t *error);

/**
 * Lists the values that have no place in a model of today.
 */
airlock_status airlock_model_asides(uint64_t model,
                                    size_t first,
                                    struct airlock_aside *out,
                                    size_t capacity,
                                    size_t *count,
                                    uint64_t *error);

/**
 * Makes a text about a model (AIRLOCK_MODEL_TEXT_…): a string object.
 */
airlock_status airlock_model_text_new(uint64_t model, uint32_t which, uint64_t *string, uint64_t *error);

/**
 * Gives the model as if the file had no other variable than the one of this name or path: a model object of its own, which shares the
 * file's bytes with the other one. Nodes keep their ids, arrays have other numbers. AIRLOCK_STATUS_USAGE, code
 * `no-such-variable`, if there is none.
 */
airlock_status airlock_model_only(uint64_t model,
                                  const char *variable,
                                  size_t variable_len,
                                  uint64_t *only,
                                  uint64_t *error);

/**
 * Writes a model to a file, which appears whole or not at all. `format` is `safetensors` (arrays, and the layers as metadata) or
 * `json` (layers and descriptions of arrays). `flags` are AIRLOCK_WRITE_… added up. AIRLOCK_STATUS_OUTPUT, code
 * `output-exists`, `unfit-arrays` and others, if it cannot be written.
 */
airlock_status airlock_model_write(uint64_t model,
                                   const char *format,
                                   size_t format_len,
                                   const char *path,
                                   size_t path_len,
                                   uint32_t flags,
                                   uint64_t *error);

/**
 * Reads a node.
 */
airlock_status airlock_node_read(uint64_t model, uint32_t node, struct airlock_node *out, uint64_t *error);

/**
 * Lists the nodes that this one holds, in order.
 */
airlock_status airlock_node_children(uint64_t model,
                                     uint32_t node,
                                     size_t first,
                                     struct airlock_child *out,
                                     size_t capacity,
                                     size_t *count,
                                     uint64_t *error);

/**
 * Lists the size of an array of nodes, or of an opaque array whose size is known: nothing for all other nodes.
 */
airlock_status airlock_node_size(uint64_t model,
                                 uint32_t node,
                                 size_t first,
                                 uint64_t *out,
                                 size_t capacity,
                                 size_t *count,
                                 uint64_t *error);

/**
 * Lists the parts of the path of an opaque node's type, as they are in the file: nothing for all other nodes, and where there
 * is no type. They live until the model is released.
 */
airlock_status airlock_node_type(uint64_t model,
                                 uint32_t node,
                                 size_t first,
                                 struct airlock_text *out,
                                 size_t capacity,
                                 size_t *count,
                                 uint64_t *error);

/**
 * Finds the node at this path, by whichever of its paths. AIRLOCK_STATUS_USAGE, code `no-such-path`, if there is none.
 */
airlock_status airlock_node_find(uint64_t model, const char *path, size_t path_len, uint32_t *node, uint64_t *error);

/**
 * Makes a text about a node (AIRLOCK_NODE_TEXT_…): a string object. AIRLOCK_STATUS_USAGE, code `wrong-form`, if nodes of its form have no such
 * text.
 */
airlock_status airlock_node_text_new(uint64_t model,
                                     uint32_t node,
                                     uint32_t which,
                                     uint64_t *string,
                                     uint64_t *error);

/**
 * Lists all arrays in the order of their paths: those of the model, and those that the file has beside it.
 */
airlock_status airlock_model_arrays(uint64_t model,
                                    size_t first,
                                    struct airlock_array *out,
                                    size_t capacity,
                                    size_t *count,
                                    uint64_t *error);

/**
 * Lists further paths to an array, at most 16.
 */
airlock_status airlock_array_also_at(uint64_t model,
                                     uint32_t array,
                                     size_t first,
                                     struct airlock_text *out,
                                     size_t capacity,
                                     size_t *count,
                                     uint64_t *error);

/**
 * Copies the bytes of an array to `out`. `len` must be exactly how many it has: AIRLOCK_STATUS_USAGE, code `buffer-length`, and
 * nothing copied, if it is not.
 */
airlock_status airlock_array_copy(uint64_t model,
                                  uint32_t array,
                                  uint8_t *out,
                                  size_t len,
                                  uint64_t *error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* FLUX_AIRLOCK_H */
