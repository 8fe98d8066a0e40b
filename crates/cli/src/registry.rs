//! `airlock registry` and `airlock get`: keeping a registry of models, and fetching from one.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use flux_airlock::{
    Airlock, Clock, Digest, Evidence, Input, PublicKey, Registry, RegistryAt, RegistryError, Rejected, Source,
};
use flux_airlock_export::{ExportError, Overwrite, to_file};
use flux_airlock_trust::{Adding, Keeper, KeeperError, Lifetimes, NewRegistry, PrivateKey, Role};

use crate::args::{DaysArgs, GetModel, Keeping, Kept, ListingArgs, RegistryAction, RegistryArgs, RoleArg};
use crate::convert::unwritten;
use crate::terminal::{Failure, Status, Terminal, Tone};
use crate::{examine, policy, sign, text};

/// The registry that the arguments name, loaded and verified.
pub(crate) fn load(args: &RegistryArgs) -> Result<Option<Registry>, Failure> {
    let Some(location) = &args.registry else { return Ok(None) };
    let name = text::name(location.as_ref());
    let Some(root) = &args.root else {
        return Err(Failure::usage(
            "a registry says nothing without its root: give --root FILE, which you have from somewhere else than there",
        ));
    };
    let (root, cache) = (read_root(root)?, cache(args.cache.as_deref())?);
    let at = RegistryAt::new(location, root, cache)
        .map_err(|error| Failure::new(format!("{name}: {error} ({})", error.code())))?;
    let at = if args.offline { at.offline() } else { at };
    let loaded = at.load(Clock::system());
    loaded.map(Some).map_err(|error| Failure::new(format!("{name}: {error} ({})", error.code())))
}

fn read_root(root: &Path) -> Result<Vec<u8>, Failure> {
    RegistryAt::read_root(root).map_err(|error| Failure::new(format!("{}: {error}", text::name(root.as_os_str()))))
}

fn cache(given: Option<&Path>) -> Result<PathBuf, Failure> {
    let cache = given.map(Path::to_owned).or_else(RegistryAt::user_cache);
    cache.ok_or_else(|| Failure::usage("there is no home folder: say with --cache where to keep what is seen"))
}

/// `airlock get`: from a registry into a file, if it opens.
pub(crate) fn get(args: &GetModel, terminal: &mut Terminal) -> Result<Status, Failure> {
    let last = args.name.rsplit('/').next().unwrap_or_default();
    let output = args.output.clone().unwrap_or_else(|| PathBuf::from(last));
    // Before the work. What counts is asked again when the file gets its name.
    if !args.force && fs::symlink_metadata(&output).is_ok() {
        return Err(unwritten(&output, &ExportError::Exists));
    }
    let Some(registry) = load(&args.registry)? else {
        return Err(Failure::usage("which registry? Give --registry REGISTRY and --root FILE"));
    };
    let policy = policy::find(args.policy.as_deref())?;
    let airlock = policy::under(policy.clone(), Airlock::builder().limits(args.limits.to_limits()?))?;
    let name = text::name(args.name.as_ref());
    if registry.is_offline() && !args.registry.offline {
        terminal.remark("the registry cannot be reached: what was kept of it is used until it expires");
    }
    let allowed = |source: &Source| match &policy {
        Some(policy) => policy.check_source(source).map_err(RegistryError::from),
        None => Ok(()),
    };
    let fetched = registry.fetch(&args.name, airlock.limits().file_bytes(), Clock::system(), &allowed);
    let (bytes, source) = match fetched {
        Ok(fetched) => fetched,
        Err(error @ (RegistryError::Io(_) | RegistryError::Unreachable { .. })) => {
            return Err(Failure::new(format!("{name}: {error} ({})", error.code())));
        }
        Err(error) => {
            terminal.error(&format!("{name}: refused: {}: {error}", error.code()));
            return Ok(Status::Refused);
        }
    };
    let input = Input::slice(&bytes).named(args.name.clone()).had_from(source.clone());
    match airlock.examine(input, &Evidence::registry(&registry, &args.name)) {
        Ok(_) => {}
        Err(Rejected { error, report: Some(_), .. }) => {
            terminal.error(&format!("{name}: refused: {}", examine::refusal(&error)));
            return Ok(Status::Refused);
        }
        Err(Rejected { error, .. }) => {
            return Err(Failure::new(format!("{name}: {} ({})", error.message(), error.code())));
        }
    }
    let overwrite = if args.force { Overwrite::Yes } else { Overwrite::No };
    to_file(&output, overwrite, |out| Ok(out.write_all(&bytes)?)).map_err(|error| unwritten(&output, &error))?;
    terminal.remark(&format!("wrote {}: {name}, from {source}", text::name(output.as_os_str())));
    Ok(Status::Opened)
}

/// `airlock registry`.
pub(crate) fn run(action: &RegistryAction, terminal: &mut Terminal) -> Result<Status, Failure> {
    match action {
        RegistryAction::Init {
            root: root_file,
            cache: cache_folder,
            root_key,
            root_threshold,
            targets_key,
            targets_threshold,
            online_key,
            days,
            passphrase_file,
            folder,
        } => {
            let read = |paths: &[PathBuf]| keys(paths, passphrase_file.as_deref());
            let (root, targets, online) = (read(root_key)?, read(targets_key)?, read(online_key)?);
            let publics = |keys: &[PrivateKey]| keys.iter().map(PrivateKey::public_key).collect::<Vec<_>>();
            let new = NewRegistry::default()
                .role(Role::Root, publics(&root), *root_threshold)
                .role(Role::Targets, publics(&targets), *targets_threshold)
                .role(Role::Snapshot, publics(&online), 1)
                .role(Role::Timestamp, publics(&online), 1);
            let all: Vec<PrivateKey> = root.into_iter().chain(targets).chain(online).collect();
            let failed = |error| failed(folder, &error);
            // Before the work. What counts is asked again when the file gets its name.
            if fs::symlink_metadata(root_file).is_ok() {
                return Err(unwritten(root_file, &ExportError::Exists));
            }
            let cache = cache(cache_folder.as_deref())?;
            let keeper = Keeper::init(folder, &cache, &new, Clock::system()).map_err(failed)?;
            outside(root_file, &cache, folder)?;
            let root = keeper.publish(&all, lifetimes(days), Clock::system()).map_err(failed)?.root;
            to_file(root_file, Overwrite::No, |out| Ok(out.write_all(&root)?))
                .map_err(|error| unwritten(root_file, &error))?;
            terminal.line(format!("{} {}", terminal.paint(Tone::Good, "BEGUN"), text::name(folder.as_os_str())))?;
            terminal.remark(&format!(
                "give {} to those who will keep or use the registry, by another way than the registry itself",
                text::name(root_file.as_os_str())
            ));
            Ok(Status::Opened)
        }
        RegistryAction::Add { keeping, listing, name, file } => {
            let adding = adding(listing)?;
            change(keeping, terminal, |keeper| {
                keeper.add(name, file, &adding, Clock::system()).map(|digest| said("ADDED", name, &digest))
            })
        }
        RegistryAction::Update { keeping, listing, name: Some(name), file: Some(file) } => {
            let adding = adding(listing)?;
            change(keeping, terminal, |keeper| {
                keeper.update(name, file, &adding, Clock::system()).map(|digest| said("UPDATED", name, &digest))
            })
        }
        RegistryAction::Update { keeping, .. } => change(keeping, terminal, |_| Ok(vec![("RENEWED", String::new())])),
        RegistryAction::Revoke { keeping, reason, what } => {
            // First of all, since a model could be listed under a name that looks like the digest of another one.
            let given: Option<Digest> = what.parse().ok();
            if given.is_some_and(|digest| !matches!(digest, Digest::Sha256(_))) {
                return Err(Failure::usage("a registry knows files by their SHA-256: give sha256:HEX, or the name"));
            }
            change(keeping, terminal, |keeper| {
                let listed = || keeper.models().find(|(name, _)| name == what).map(|(_, listing)| listing.digest());
                let Some(Digest::Sha256(sha256)) = given.or_else(listed) else {
                    return Err(KeeperError::Unlisted { name: what.clone() });
                };
                keeper.revoke(sha256, reason, Clock::system());
                Ok(said("REVOKED", what, &Digest::Sha256(sha256)))
            })
        }
        RegistryAction::Rotate { keeping, role, add, remove, threshold } => {
            let read = |paths: &[PathBuf]| -> Result<Vec<PublicKey>, Failure> {
                let read = |path: &PathBuf| PublicKey::read(path).map_err(|error| sign::unusable(path, &error));
                paths.iter().map(read).collect()
            };
            let (add, remove) = (read(add)?, read(remove)?);
            change(keeping, terminal, |keeper| {
                let rotate = |role: &RoleArg| {
                    let role = role_of(*role);
                    keeper.rotate(role, &add, &remove, *threshold)?;
                    Ok(("ROTATED", role.name().to_owned()))
                };
                role.iter().map(rotate).collect()
            })
        }
        RegistryAction::List { kept } => {
            let keeper = open(kept)?;
            for (name, listing) in keeper.models() {
                terminal.line(format!(
                    "{} {} {} bytes",
                    text::name(name.as_ref()),
                    listing.digest(),
                    listing.bytes()
                ))?;
            }
            for revocation in keeper.revoked() {
                let name = revocation.name().map(|name| format!(" {}", text::name(name.as_ref()))).unwrap_or_default();
                let (word, reason) = (terminal.paint(Tone::Bad, "REVOKED"), text::line(revocation.reason()));
                terminal.line(format!("{word}{name} {} {reason}", revocation.digest()))?;
            }
            Ok(Status::Opened)
        }
        RegistryAction::Show { kept, name } => {
            let keeper = open(kept)?;
            let found = keeper.models().find(|(listed, _)| listed == name);
            let (_, listing) =
                found.ok_or_else(|| failed(&kept.folder, &KeeperError::Unlisted { name: name.clone() }))?;
            terminal.line(text::name(name.as_ref()))?;
            terminal.line(format!("  digest   {}", listing.digest()))?;
            terminal.line(format!("  bytes    {}", text::grouped(listing.bytes())))?;
            terminal.line(format!("  added    {}", flux_airlock_trust::rfc3339(listing.added())))?;
            for source in listing.sources() {
                terminal.line(format!("  source   {source}"))?;
            }
            for signer in listing.signers() {
                terminal.line(format!("  signer   {}", text::line(signer)))?;
            }
            Ok(Status::Opened)
        }
        RegistryAction::Check { kept } => check(kept, terminal),
    }
}

/// Verifies the folder as a user would who has its root and has never seen it before.
fn check(kept: &Kept, terminal: &mut Terminal) -> Result<Status, Failure> {
    let keeper = open(kept)?;
    for (role, keys, threshold, expires) in keeper.roles() {
        let expires = flux_airlock_trust::rfc3339(expires);
        terminal.line(format!("{}: {threshold} of {keys} keys must sign; signed until {expires}", role.name()))?;
    }
    drop(keeper);
    let root = read_root(&kept.root)?;
    let cache = tempfile::tempdir().map_err(|error| Failure::new(format!("there is no place to work in: {error}")))?;
    match RegistryAt::folder(&kept.folder, root, cache.path()).load(Clock::system()) {
        Ok(registry) => {
            let counted = text::count(registry.models().len(), "model", "models");
            terminal.line(format!("{} {counted}", terminal.paint(Tone::Good, "OK")))?;
            Ok(Status::Opened)
        }
        Err(error) => {
            let refused = terminal.paint(Tone::Bad, "REFUSED");
            terminal.line(format!("{refused} {}: {}", error.code(), text::line(&error.to_string())))?;
            Ok(Status::Refused)
        }
    }
}

type Said = Vec<(&'static str, String)>;

fn said(word: &'static str, name: &str, digest: &dyn Display) -> Said {
    vec![(word, format!("{} {digest}", text::name(name.as_ref())))]
}

/// Changes a registry and publishes it, then says what was done.
fn change(
    keeping: &Keeping,
    terminal: &mut Terminal,
    change: impl FnOnce(&mut Keeper) -> Result<Said, KeeperError>,
) -> Result<Status, Failure> {
    let failed = |error| failed(&keeping.kept.folder, &error);
    // The keys first: a passphrase that is wrong must not cost a copy of the file.
    let keys = keys(&keeping.key, keeping.passphrase_file.as_deref())?;
    let mut keeper = open(&keeping.kept)?;
    if keeper.is_new_here() {
        terminal.remark("nothing was seen of this registry here before: if its folder is an old one that was put back, nobody notices");
    }
    let said = change(&mut keeper).map_err(failed)?;
    let versions = keeper.publish(&keys, lifetimes(&keeping.days), Clock::system()).map_err(failed)?.versions;
    for (word, what) in said {
        terminal.line(format!("{} {what}", terminal.paint(Tone::Good, word)).trim_end())?;
    }
    terminal.remark(&format!("timestamp {}, targets {}, root {}", versions.timestamp, versions.targets, versions.root));
    Ok(Status::Opened)
}

fn open(kept: &Kept) -> Result<Keeper, Failure> {
    let (root, cache) = (read_root(&kept.root)?, cache(kept.cache.as_deref())?);
    outside(&kept.root, &cache, &kept.folder)?;
    Keeper::open(&kept.folder, &root, &cache, Clock::system()).map_err(|error| failed(&kept.folder, &error))
}

/// What lies in the registry is anybody's who can write to it.
fn outside(root: &Path, cache: &Path, folder: &Path) -> Result<(), Failure> {
    let parent = root.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let real = fs::canonicalize(root).or_else(|_| fs::canonicalize(parent));
    let real = real.map_err(|error| Failure::new(format!("{}: {error}", text::name(root.as_os_str()))))?;
    let Ok(folder) = fs::canonicalize(folder) else { return Ok(()) };
    let within = |path: &Path| path.starts_with(&folder);
    if within(&real) || within(&fs::canonicalize(cache).unwrap_or_else(|_| cache.to_owned())) {
        return Err(Failure::usage(
            "what is known of a registry beforehand (--root, --cache) lies in it, where whoever can write to it can change it: keep it elsewhere",
        ));
    }
    Ok(())
}

fn failed(folder: &Path, error: &KeeperError) -> Failure {
    Failure::new(format!("{}: {error} ({})", text::name(folder.as_os_str()), error.code()))
}

fn keys(paths: &[PathBuf], passphrase_file: Option<&Path>) -> Result<Vec<PrivateKey>, Failure> {
    let read = |path: &PathBuf| {
        let key = PrivateKey::read(path, || sign::passphrase(path, passphrase_file));
        key.map_err(|error| sign::unusable(path, &error))
    };
    paths.iter().map(read).collect()
}

fn adding(args: &ListingArgs) -> Result<Adding, Failure> {
    let source = |text: &String| {
        Source::parse(text)
            .map_err(|error| Failure::usage(format!("{}: {error} ({})", text::name(text.as_ref()), error.code())))
    };
    let signer = |path: &PathBuf| {
        PublicKey::read(path).map(|key| key.fingerprint()).map_err(|error| sign::unusable(path, &error))
    };
    Ok(Adding {
        stored: !args.no_copy,
        sources: args.source.iter().map(source).collect::<Result<_, _>>()?,
        signers: args.signer.iter().map(signer).collect::<Result<_, _>>()?,
    })
}

const fn lifetimes(days: &DaysArgs) -> Lifetimes {
    let DaysArgs { root_days, targets_days, snapshot_days, timestamp_days } = *days;
    Lifetimes { root: root_days, targets: targets_days, snapshot: snapshot_days, timestamp: timestamp_days }
}

const fn role_of(role: RoleArg) -> Role {
    match role {
        RoleArg::Root => Role::Root,
        RoleArg::Snapshot => Role::Snapshot,
        RoleArg::Targets => Role::Targets,
        RoleArg::Timestamp => Role::Timestamp,
    }
}
