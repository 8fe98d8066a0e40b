//! The one definition of the command: what it reads, what `--help` says, completions and manual pages.

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use flux_airlock::{GUEST_SHA256, Limits, LimitsBuilder, Pin, WASMTIME_VERSION};

use crate::terminal::{Failure, Status, Terminal};
use crate::text;

/// Opens Flux.jl model files (.bson) that nobody has to trust.
///
/// A file is verified against the evidence you give, decoded in a WebAssembly sandbox that has no access to anything,
/// and checked. Nothing of it is ever executed. What comes out is plain: arrays and a description of layers.
#[derive(Debug, Parser)]
#[command(
    name = "airlock",
    version = version(),
    max_term_width = 120,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "\
Exit status: 0 every file was opened, 1 at least one was refused, 2 something could not be done.

Examples:
  airlock inspect model.bson                 What is in it? Needs no evidence, hands out no weights.
  airlock pin model.bson                     Write its digest into airlock.lock, once you trust it.
  airlock verify --lock airlock.lock *.bson  Are these the files, and do they open?
  airlock convert --lock airlock.lock model.bson
                                             Write model.safetensors."
)]
pub(crate) struct Command {
    #[command(subcommand)]
    pub(crate) action: Action,
    #[command(flatten)]
    pub(crate) display: Display,
}

/// What is shown, and how.
#[derive(Args, Debug)]
pub(crate) struct Display {
    /// Show more: with `inspect` all numbers and texts, and digests in full where the terminal is narrow; with `verify`
    /// and `convert` what the sandbox has cost.
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Show no warnings and no progress. Results and errors are shown.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Use colours. `auto`: on a terminal, unless `NO_COLOR` is set.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: When,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Wherever the output goes.
    Always,
    /// Nowhere.
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Shows what is in a file: tree, arrays, notes, sandbox figures.
    ///
    /// Needs no evidence, and hands out no weights: what it finds without evidence is a description of untrusted bytes,
    /// and marked so. A report is printed for every regular file, refused ones included.
    #[command(after_help = "\
Examples:
  airlock inspect model.bson
  airlock inspect --json model.bson | jq '.tensors[].path'
  airlock inspect --json *.bson              One report a line.
  airlock inspect --types types.toml model.bson
                                             With names for the fields of the author's own structs.
  curl -sL https://example.org/model.bson | airlock inspect -")]
    Inspect(Inspect),
    /// Verifies, isolates, decodes and checks files: one line for each, and nothing else.
    #[command(after_help = "\
Examples:
  airlock verify --pin sha256:3f0a… model.bson
  airlock verify --lock airlock.lock *.bson
  airlock verify --unverified model.bson     Does it open, whoever made it?")]
    Verify(Verify),
    /// Writes a file's arrays and layers in another format.
    ///
    /// Arrays have the same size and the same indices in the new file as in Julia: `weight[i, j]` is
    /// `weight[i - 1, j - 1]` in Python. The new file appears whole or not at all.
    #[command(after_help = "\
Examples:
  airlock convert --lock airlock.lock model.bson
  airlock convert --pin 3f0a… model.bson -o weights.safetensors
  airlock convert --lock airlock.lock --to json model.bson
  airlock convert --unverified - -o model.safetensors < model.bson")]
    Convert(Convert),
    /// Writes digests of files into a lock file, which is kept apart from the files.
    ///
    /// Files are hashed and not parsed. Names are relative to the lock file, whose folder must hold the files. What is
    /// there already stays; a digest that has changed is refused unless `--update` is given.
    #[command(after_help = "\
Examples:
  airlock pin model.bson                     Into airlock.lock in this folder.
  airlock pin --lock models/airlock.lock models/*.bson
  airlock pin --update model.bson            The model has changed, and that is right.")]
    Pin(PinFiles),
    /// Signs files with a private key.
    ///
    /// One file is signed by its bytes, and may be renamed later. A folder, or several files that are all there is in the
    /// signature's folder, are signed together, each under its name. Files are hashed and not parsed.
    ///
    /// The passphrase of an encrypted key is read from --passphrase-file, from the environment variable
    /// `AIRLOCK_PASSPHRASE`, or from the terminal.
    #[command(after_help = "\
Examples:
  airlock sign model.bson --key team.pem -o model.sig
  airlock sign models/ --key team.pem -o models/model.sig --ignore logs
  airlock sign model.bson --key team.pem --certificate team-chain.pem -o model.sig
  airlock sign model.bson --key team.key --format minisign -o model.bson.minisig")]
    Sign(SignFiles),
    /// Explains which files may be opened here, and why one is refused.
    #[command(subcommand)]
    Policy(PolicyAction),
    /// Fetches a model from a registry: verified, isolated, decoded and checked before it is written.
    ///
    /// The file appears whole or not at all, and only if the registry lists it, has not revoked it, and it opens. It is taken from
    /// the registry itself or from a source that the registry permits; a policy is asked about each place first.
    #[command(after_help = "\
Examples:
  airlock get --registry https://models.example.org/registry --root root.json mnist/lenet
  airlock get --registry /srv/registry --root root.json mnist/lenet -o lenet.bson")]
    Get(GetModel),
    /// Keeps a registry of models: names, digests, and what was revoked, as signed metadata (TUF).
    #[command(subcommand)]
    Registry(RegistryAction),
    /// Prints completions for a shell.
    #[command(after_help = "\
Examples:
  airlock completions bash > ~/.local/share/bash-completion/completions/airlock
  airlock completions fish > ~/.config/fish/completions/airlock.fish")]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Prints the manual page: of `airlock`, or of one of its commands.
    #[command(after_help = "\
Examples:
  airlock man > airlock.1
  airlock man convert > airlock-convert.1")]
    Man {
        /// The command.
        command: Option<String>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Inspect {
    /// Print the report as JSON: indented on a terminal; one report a line if there are several files.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) evidence: EvidenceArgs,
    #[command(flatten)]
    pub(crate) types: TypesArgs,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    /// Files, or `-` for standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// Print the report as JSON: indented on a terminal; one report a line if there are several files.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) evidence: EvidenceArgs,
    #[command(flatten)]
    pub(crate) types: TypesArgs,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    /// Files, or `-` for standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Convert {
    #[command(flatten)]
    pub(crate) evidence: EvidenceArgs,
    #[command(flatten)]
    pub(crate) types: TypesArgs,
    /// The format: arrays with the layers as metadata, or the layers and descriptions of arrays without weights.
    #[arg(long, value_name = "FORMAT", default_value = "safetensors")]
    pub(crate) to: Format,
    /// Where to write. Default: beside FILE, with the format's ending in the place of `.bson`, or behind any other name.
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// Replace OUT if it exists.
    #[arg(long)]
    pub(crate) force: bool,
    /// Leave out arrays that the format cannot hold, such as those of `Int128`, and list them in its metadata.
    #[arg(long)]
    pub(crate) omit: bool,
    /// Convert this one of several saved variables.
    #[arg(long, value_name = "NAME")]
    pub(crate) variable: Option<String>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    /// The file, or `-` for standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// What a file can be converted to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Format {
    /// Layers and descriptions of arrays, no weights.
    Json,
    /// Arrays, with the layers as metadata.
    Safetensors,
}

#[derive(Args, Debug)]
pub(crate) struct PinFiles {
    /// The lock file.
    #[arg(long, value_name = "FILE", default_value = "airlock.lock")]
    pub(crate) lock: PathBuf,
    /// Replace digests that have changed.
    #[arg(long)]
    pub(crate) update: bool,
    /// Regular files.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct SignFiles {
    /// The private key: PKCS#8 in PEM (P-256, P-384 or P-521), or a secret key of minisign. Others may not be able to
    /// read it.
    #[arg(long, value_name = "PEM")]
    pub(crate) key: PathBuf,
    /// Where to write the signature.
    #[arg(short, long, value_name = "SIGNATURE")]
    pub(crate) output: PathBuf,
    /// The format.
    #[arg(long, value_name = "FORMAT", default_value = "oms")]
    pub(crate) format: SignatureFormat,
    /// The certificate of the key, and those that lead to a root.
    #[arg(long, value_name = "PEM")]
    pub(crate) certificate: Option<PathBuf>,
    /// Leave out what lies here in the signed folder, and below.
    #[arg(long, value_name = "NAME")]
    pub(crate) ignore: Vec<String>,
    /// What minisign is to sign beside the file. Default: time and name.
    #[arg(long, value_name = "TEXT")]
    pub(crate) comment: Option<String>,
    /// A file whose first line is the passphrase. Others may not be able to read it.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Replace SIGNATURE if it exists.
    #[arg(long)]
    pub(crate) force: bool,
    /// A file or a folder, or several files.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

/// What a signature can be made as.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum SignatureFormat {
    /// minisign, over the digest of one file.
    Minisign,
    /// minisign as it was before, over one file itself.
    MinisignLegacy,
    /// OpenSSF Model Signing: a Sigstore bundle.
    Oms,
}

/// Why the files may be opened.
#[derive(Args, Debug)]
#[command(next_help_heading = "Evidence (all of it must hold)")]
pub(crate) struct EvidenceArgs {
    /// The digest that the one FILE must have: `sha256:HEX`, `sha512:HEX`, or 64 or 128 hexadecimal digits.
    #[arg(long, value_name = "DIGEST")]
    pub(crate) pin: Vec<Pin>,
    /// A lock file that names the files.
    #[arg(long, value_name = "FILE")]
    pub(crate) lock: Vec<PathBuf>,
    /// A signature over the files: an OpenSSF Model Signing bundle, or of minisign.
    #[arg(long, value_name = "FILE")]
    pub(crate) signature: Vec<PathBuf>,
    /// The public key that has made the signatures: PEM or of minisign. One for all, or one for each, in their order.
    #[arg(long, value_name = "PEM", requires = "signature", conflicts_with = "certificate_root")]
    pub(crate) public_key: Vec<PathBuf>,
    /// Certificates, to one of which those in the signatures must lead.
    #[arg(long, value_name = "PEM", requires = "signature")]
    pub(crate) certificate_root: Option<PathBuf>,
    /// The folder that the signatures are about, if they are about one. Default: where each of them lies.
    #[arg(long, value_name = "FOLDER", requires = "signature")]
    pub(crate) signed_folder: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
    /// The name by which the registry lists the one FILE. Default: the file's own; `--name ''` only asks what was revoked.
    #[arg(long, value_name = "NAME", requires = "registry")]
    pub(crate) name: Option<String>,
    /// What may be opened, and by whose word. Default: the policy of the user, else that of the system; an `airlock.toml` in this
    /// folder or above it can forbid more in any case.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Open without any evidence.
    #[arg(long, conflicts_with_all = ["pin", "lock", "signature", "registry"])]
    pub(crate) unverified: bool,
}

/// What is known of the files' types.
#[derive(Args, Debug)]
pub(crate) struct TypesArgs {
    /// A description of structs of the author's own, which have no names of fields in a file: TOML, as docs/types.md has it.
    #[arg(id = "types", long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// Where a registry is, and what is known of it beforehand.
#[derive(Args, Clone, Debug)]
pub(crate) struct RegistryArgs {
    /// A registry: a folder, or an `https://` or `http://` URL.
    #[arg(long, value_name = "REGISTRY")]
    pub(crate) registry: Option<String>,
    /// The registry's root metadata (`1.root.json`), from a source that is not the registry itself.
    #[arg(long, value_name = "FILE", requires = "registry")]
    pub(crate) root: Option<PathBuf>,
    /// Ask nobody, and use what was kept of the registry until it expires.
    #[arg(long, requires = "registry")]
    pub(crate) offline: bool,
    /// Where what was seen of registries is kept. Default: `airlock` in `XDG_CACHE_HOME`, or in `.cache` of the home folder.
    #[arg(long, value_name = "FOLDER", requires = "registry")]
    pub(crate) cache: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one of it in a process")]
pub(crate) enum PolicyAction {
    /// Says in sentences what the policy allows, and which rule each FILE would meet.
    #[command(after_help = "\
Examples:
  airlock policy check
  airlock policy check --policy policy.toml models/m.bson https://models.example.org/m.bson")]
    Check {
        /// The policy. Default: as for the other commands.
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        /// Files, URLs, or `-` for standard input.
        #[arg(value_name = "FILE")]
        files: Vec<String>,
    },
    /// Says why FILE would be opened, or why it is refused. Nothing of it is decoded.
    #[command(after_help = "\
Examples:
  airlock policy explain --lock airlock.lock model.bson
  airlock policy explain --policy policy.toml --signature model.sig --public-key team.pub model.bson")]
    Explain {
        #[command(flatten)]
        evidence: EvidenceArgs,
        /// The file, or `-` for standard input.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Args, Debug)]
pub(crate) struct GetModel {
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
    /// What may be opened, and by whose word. Default: as for the other commands.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Where to write. Default: the last part of NAME, in this folder.
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// Replace OUT if it exists.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    /// The model's name in the registry.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RegistryAction {
    /// Begins a registry in a folder, and writes its root.
    ///
    /// The root keys say which keys there are, and are kept away from every network. The targets keys list and revoke models. The
    /// online keys sign every week that what there is is of today. Each is a P-256 key (PKCS#8 in PEM).
    ///
    /// The root (`--root FILE`) is what everybody needs who is to believe the registry, keepers included, by another way than the
    /// registry: whoever can write to the folder could put another one there.
    #[command(after_help = "\
Examples:
  airlock registry init /srv/registry --root root.json --root-key root1.pem --root-key root2.pem --root-threshold 2 \\
      --targets-key models.pem --online-key online.pem")]
    Init {
        /// Where the root metadata are written: to a new file, outside of the registry.
        #[arg(long, value_name = "FILE")]
        root: PathBuf,
        /// Where what was seen of registries is kept. Default: the user's cache folder.
        #[arg(long, value_name = "FOLDER")]
        cache: Option<PathBuf>,
        /// Keys of the root.
        #[arg(long, value_name = "PEM", required = true)]
        root_key: Vec<PathBuf>,
        /// How many of them must sign.
        #[arg(long, value_name = "N", default_value = "1")]
        root_threshold: u32,
        /// Keys of those who list models.
        #[arg(long, value_name = "PEM", required = true)]
        targets_key: Vec<PathBuf>,
        /// How many of them must sign.
        #[arg(long, value_name = "N", default_value = "1")]
        targets_threshold: u32,
        /// Keys for the snapshot and the timestamp.
        #[arg(long, value_name = "PEM", required = true)]
        online_key: Vec<PathBuf>,
        #[command(flatten)]
        days: DaysArgs,
        /// A file whose first line is the passphrase of the keys. Others may not be able to read it.
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
        /// The registry's folder.
        folder: PathBuf,
    },
    /// Lists a file under a new name.
    Add {
        #[command(flatten)]
        keeping: Keeping,
        #[command(flatten)]
        listing: ListingArgs,
        /// The model's name.
        name: String,
        /// The file.
        file: PathBuf,
    },
    /// Lists another file under a name, or, without one, signs anew what the keys can sign: every week, by a clock.
    Update {
        #[command(flatten)]
        keeping: Keeping,
        #[command(flatten)]
        listing: ListingArgs,
        /// The model's name.
        #[arg(requires = "file")]
        name: Option<String>,
        /// The file.
        file: Option<PathBuf>,
    },
    /// Revokes a file for good, by the name that it has or by its digest. Whatever vouches for it, it is refused.
    Revoke {
        #[command(flatten)]
        keeping: Keeping,
        /// Why, for whoever will be refused.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// A name in the registry, or `sha256:HEX`.
        #[arg(value_name = "NAME|DIGEST")]
        what: String,
    },
    /// Changes the keys of a role. The root's own keys must sign, the old ones and the new ones.
    Rotate {
        #[command(flatten)]
        keeping: Keeping,
        /// The roles. Those with the same keys change together.
        #[arg(long, required = true)]
        role: Vec<RoleArg>,
        /// Public keys to add.
        #[arg(long, value_name = "PEM")]
        add: Vec<PathBuf>,
        /// Public keys to remove.
        #[arg(long, value_name = "PEM")]
        remove: Vec<PathBuf>,
        /// How many of the role's keys must sign.
        #[arg(long, value_name = "N")]
        threshold: Option<u32>,
    },
    /// Lists the models, and what was revoked.
    List {
        #[command(flatten)]
        kept: Kept,
    },
    /// Shows what is said of one model.
    Show {
        #[command(flatten)]
        kept: Kept,
        /// The model's name.
        name: String,
    },
    /// Verifies a registry as a user would, and says when each role must sign again.
    Check {
        #[command(flatten)]
        kept: Kept,
    },
}

/// A registry's folder, and what its keepers know of it beforehand.
#[derive(Args, Debug)]
pub(crate) struct Kept {
    /// The registry's folder.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// The registry's root metadata, as `init` wrote them, outside of the registry.
    #[arg(long, value_name = "FILE")]
    pub(crate) root: PathBuf,
    /// Where what was seen of registries is kept: what is older is not signed again. Default: the user's cache folder.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) cache: Option<PathBuf>,
}

/// A registry, and the keys that sign what is changed in it.
#[derive(Args, Debug)]
pub(crate) struct Keeping {
    #[command(flatten)]
    pub(crate) kept: Kept,
    /// Private keys of the roles that must sign. Others may not be able to read them.
    #[arg(long, value_name = "PEM", required = true)]
    pub(crate) key: Vec<PathBuf>,
    /// A file whose first line is the passphrase of the keys. Others may not be able to read it.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) days: DaysArgs,
}

/// How long what is signed now holds.
#[derive(Args, Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "the unit of each is in its name, and in its option's")]
pub(crate) struct DaysArgs {
    /// Days until the root's metadata expire.
    #[arg(long, value_name = "N", default_value = "365")]
    pub(crate) root_days: u32,
    /// Days until the list of models expires.
    #[arg(long, value_name = "N", default_value = "180")]
    pub(crate) targets_days: u32,
    /// Days until the snapshot expires.
    #[arg(long, value_name = "N", default_value = "30")]
    pub(crate) snapshot_days: u32,
    /// Days until the timestamp expires: how long users who are cut off go on.
    #[arg(long, value_name = "N", default_value = "7")]
    pub(crate) timestamp_days: u32,
}

/// How a file is listed.
#[derive(Args, Debug)]
pub(crate) struct ListingArgs {
    /// Another place where the file can be fetched from.
    #[arg(long, value_name = "URL")]
    pub(crate) source: Vec<String>,
    /// Do not copy the file into the registry: it is fetched from its sources alone.
    #[arg(long, requires = "source")]
    pub(crate) no_copy: bool,
    /// The public key of somebody who must have signed the file as well; of several, one must.
    #[arg(long, value_name = "PEM")]
    pub(crate) signer: Vec<PathBuf>,
}

/// A role of a registry.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum RoleArg {
    /// Which keys there are.
    Root,
    /// Which metadata belong together.
    Snapshot,
    /// Which models there are.
    Targets,
    /// That this is of today.
    Timestamp,
}

/// What one file may cost.
#[derive(Args, Debug)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    #[arg(long, value_name = "N", help = fuel_help())]
    fuel: Option<u64>,
    #[arg(long, value_name = "SIZE", value_parser = text::parse_size, help = memory_help())]
    memory: Option<u64>,
    #[arg(long, value_name = "SIZE", value_parser = text::parse_size, help = file_help())]
    max_file: Option<u64>,
    #[arg(long, value_name = "N", help = depth_help())]
    depth: Option<u32>,
    #[arg(long, value_name = "N", help = elements_help())]
    elements: Option<u32>,
}

fn fuel_help() -> String {
    let limits = Limits::default();
    let (base, most) = (limits.fuel(0), limits.fuel(u64::MAX));
    let rate = limits.fuel(1).saturating_sub(base);
    format!(
        "Fuel, about one for each instruction [default: {} and {} for each byte of the file, at most {}]",
        text::grouped(base),
        text::grouped(rate),
        text::grouped(most)
    )
}

fn memory_help() -> String {
    format!("Memory of the sandbox, as in 64MiB [default: {}]", text::size(Limits::default().memory_bytes()))
}

fn file_help() -> String {
    let most = Limits::default().file_bytes();
    format!("Length of the file; a longer one is refused unread [default, and most: {} bytes]", text::grouped(most))
}

fn depth_help() -> String {
    format!("Levels of nesting [default: {}]", Limits::default().depth())
}

fn elements_help() -> String {
    let elements = Limits::default().elements();
    format!("Elements of all documents and arrays of the file [default: {}]", text::grouped(elements.into()))
}

impl LimitArgs {
    /// The limits as they are granted here.
    pub(crate) fn to_limits(&self) -> Result<Limits, Failure> {
        let Self { fuel, memory, max_file, depth, elements } = self;
        let mut limits = Limits::builder();
        if let Some(fuel) = fuel {
            limits = limits.fuel(*fuel);
        }
        limits = set(limits, memory.as_ref(), LimitsBuilder::memory_bytes);
        limits = set(limits, max_file.as_ref(), LimitsBuilder::file_bytes);
        limits = set(limits, depth.as_ref(), LimitsBuilder::depth);
        limits = set(limits, elements.as_ref(), LimitsBuilder::elements);
        limits.build().map_err(|error| Failure::usage(error.to_string()))
    }
}

fn set<T: Copy>(
    limits: LimitsBuilder,
    most: Option<&T>,
    grant: fn(LimitsBuilder, T) -> LimitsBuilder,
) -> LimitsBuilder {
    match most {
        Some(most) => grant(limits, *most),
        None => limits,
    }
}

/// The version of the command, and of what decodes and isolates.
fn version() -> String {
    format!("{}\nguest sha256:{GUEST_SHA256}\nwasmtime {WASMTIME_VERSION}", env!("CARGO_PKG_VERSION"))
}

/// What the arguments ask for instead of work: help, the version, or a word on what is wrong with them.
pub(crate) struct Answer {
    error: clap::Error,
    color: bool,
}

impl Answer {
    /// Prints it.
    pub(crate) fn print(self) -> Status {
        let Self { error, color } = self;
        let styled = error.render();
        let text = if color { styled.ansi().to_string() } else { styled.to_string() };
        if error.use_stderr() {
            // There is nobody else to tell.
            let _ = std::io::stderr().write_all(text.as_bytes());
            return Status::Failed;
        }
        let mut out = std::io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => Status::Opened,
            Err(_) => Status::Failed,
        }
    }
}

/// Reads the arguments.
///
/// An argument can be a name that a shell found in a folder. If there is anything wrong with the arguments, they are
/// read once more with everything escaped, so that the complaint shows what can be shown.
pub(crate) fn parse(arguments: &[OsString]) -> Result<Command, Answer> {
    let command = || Command::command().color(clap::ColorChoice::Always);
    let read = |arguments: &[OsString]| {
        let mut matches = command().try_get_matches_from(arguments)?;
        Command::from_arg_matches_mut(&mut matches)
    };
    let error = match read(arguments) {
        Ok(command) => return Ok(command),
        Err(error) => error,
    };
    let to_stderr = error.use_stderr();
    let terminal = if to_stderr { std::io::stderr().is_terminal() } else { std::io::stdout().is_terminal() };
    let color = color_of(arguments).is_used(terminal);
    let shown: Vec<OsString> = arguments.iter().map(|argument| text::shown(argument).into()).collect();
    let error = if shown == arguments {
        error
    } else {
        read(&shown)
            .err()
            .unwrap_or_else(|| command().error(ErrorKind::InvalidValue, "an argument is not what it must be"))
    };
    Err(Answer { error, color })
}

/// What the arguments say of colours, whatever else is wrong with them.
fn color_of(arguments: &[OsString]) -> When {
    let mut arguments = arguments.iter().filter_map(|argument| argument.to_str());
    let mut color = When::Auto;
    while let Some(argument) = arguments.next() {
        let value = match argument {
            "--" => break,
            "--color" => arguments.next(),
            _ => argument.strip_prefix("--color="),
        };
        color = value.and_then(|value| When::from_str(value, false).ok()).unwrap_or(color);
    }
    color
}

impl When {
    /// Are colours used for an output that is a terminal, or is not?
    pub(crate) fn is_used(self, terminal: bool) -> bool {
        let set = |name| std::env::var_os(name).is_some_and(|value: OsString| !value.is_empty());
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => terminal && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
        }
    }
}

/// Prints completions for this shell.
pub(crate) fn completions(shell: Shell, terminal: &mut Terminal) -> Result<Status, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Command::command(), "airlock", &mut script);
    terminal.write(&script)?;
    Ok(Status::Opened)
}

/// Prints the manual page of the command, or of one of its commands.
pub(crate) fn man(name: Option<&str>, terminal: &mut Terminal) -> Result<Status, Failure> {
    let mut command = Command::command();
    command.build();
    let command = match name {
        None => command,
        Some(name) => {
            let found = command.get_subcommands().find(|command| command.get_name() == name).cloned();
            let unknown = || Failure::usage(format!("there is no command {}", text::name(name.as_ref())));
            // The lines below the version are no version of a manual page.
            found.ok_or_else(unknown)?
        }
    };
    let mut page = Vec::new();
    let title = command.get_display_name().unwrap_or("airlock").to_owned();
    let source = concat!("airlock ", env!("CARGO_PKG_VERSION"));
    clap_mangen::Man::new(command).title(title).source(source).manual("flux-airlock").render(&mut page)?;
    terminal.write(&page)?;
    Ok(Status::Opened)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Command::command().debug_assert();
    }

    #[test]
    fn options_stand_before_or_after_files() {
        for arguments in [
            &["airlock", "inspect", "--json", "a", "b", "-v"][..],
            &["airlock", "-v", "inspect", "a", "b", "--json"],
            &["airlock", "inspect", "a", "-v", "--json", "b"],
        ] {
            let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
            let Ok(command) = parse(&arguments) else { panic!("{arguments:?}") };
            let Action::Inspect(inspect) = command.action else { panic!("{arguments:?}") };
            assert!(inspect.json && inspect.files == ["a", "b"].map(PathBuf::from) && command.display.verbose);
        }
    }

    #[test]
    fn every_default_limit_is_in_the_help() {
        let mut command = Command::command();
        let help = command.find_subcommand_mut("verify").unwrap().render_long_help().to_string();
        for default in ["256MiB", "2,147,483,647", "256]", "4,194,304", "10,000,000 and 2,000", "10,000,000,000"] {
            assert!(help.contains(default), "{default}: {help}");
        }
    }

    #[test]
    fn granting_nothing_grants_the_defaults() {
        let arguments = ["airlock", "verify", "x"].map(OsString::from);
        let Ok(Command { action: Action::Verify(verify), .. }) = parse(&arguments) else { panic!() };
        assert!(verify.limits.to_limits().is_ok_and(|limits| limits == Limits::default()));
    }
}
