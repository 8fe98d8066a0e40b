//! The header of the C ABI, from the source of `crates/capi`.

use std::fs;
use std::path::PathBuf;

use cbindgen::{Builder, Config, EnumConfig, Language, RenameRule, Style};

use crate::{Done, root};

/// Writes the header.
pub(crate) fn write() -> Done {
    let path = path()?;
    fs::write(&path, generate()?).map_err(|error| format!("{}: {error}", path.display()))
}

/// Compares it with what is there.
pub(crate) fn check() -> Done {
    let path = path()?;
    let found = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    if found == generate()? {
        return Ok(());
    }
    Err(format!("{} is not what the source says: run `cargo xtask header`", path.display()))
}

fn path() -> Result<PathBuf, String> {
    Ok(root()?.join("crates/capi/include/flux_airlock.h"))
}

fn generate() -> Result<String, String> {
    let source = root()?.join("crates/capi/src");
    let read = |file: &str| fs::read_to_string(source.join(file)).map_err(|error| format!("{file}: {error}"));
    let mut config = Config {
        language: Language::C,
        cpp_compat: true,
        include_guard: Some("FLUX_AIRLOCK_H".to_owned()),
        header: Some(beginning(&read("lib.rs")?)),
        no_includes: true,
        sys_includes: vec!["stddef.h".to_owned(), "stdint.h".to_owned()],
        usize_is_size_t: true,
        style: Style::Both,
        line_length: 120,
        enumeration: EnumConfig {
            prefix_with_name: true,
            rename_variants: RenameRule::ScreamingSnakeCase,
            ..EnumConfig::default()
        },
        ..Config::default()
    };
    for (name, in_c) in TYPES {
        config.export.rename.insert(name.to_owned(), in_c.to_owned());
        // What only a number stands for in a call is said nowhere else.
        config.export.include.push(name.to_owned());
    }
    let builder =
        FILES.iter().fold(Builder::new().with_config(config), |builder, file| builder.with_src(source.join(file)));
    let mut header = Vec::new();
    builder.generate().map_err(|error| error.to_string())?.write(&mut header);
    String::from_utf8(header).map_err(|error| error.to_string())
}

/// What the crate says of itself, as a comment.
fn beginning(source: &str) -> String {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    let lines: Vec<String> = lines.map(|line| format!(" *{line}").trim_end().to_owned()).collect();
    format!("/*\n{}\n *\n * Made from the source of the library by `cargo xtask header`.\n */", lines.join("\n"))
}

/// In the order in which a reader needs them.
const FILES: [&str; 9] =
    ["library.rs", "text.rs", "error.rs", "names.rs", "options.rs", "open.rs", "model.rs", "node.rs", "array.rs"];

const TYPES: [(&str, &str); 16] = [
    ("Array", "airlock_array"),
    ("Aside", "airlock_aside"),
    ("Child", "airlock_child"),
    ("Enum", "airlock_enum"),
    ("ErrorInfo", "airlock_error_info"),
    ("Evidence", "airlock_evidence"),
    ("Form", "airlock_form"),
    ("List", "airlock_list"),
    ("ModelInfo", "airlock_model_info"),
    ("ModelText", "airlock_model_text"),
    ("Node", "airlock_node"),
    ("NodeText", "airlock_node_text"),
    ("Note", "airlock_note"),
    ("Status", "airlock_status"),
    ("Text", "airlock_text"),
    ("Variable", "airlock_variable"),
];
