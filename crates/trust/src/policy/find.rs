//! Which policy files there are, and reading them.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use super::{Policy, PolicyError, PolicyFlaw};
use crate::files;

impl Policy {
    /// The name of a policy that tightens what may be opened from its folder and below.
    pub const LOCAL: &'static str = "airlock.toml";
    /// The system's policy.
    pub const SYSTEM: &'static str = "/etc/airlock/policy.toml";

    /// Reads a policy file.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if it cannot be read, is no regular file, could be written by everybody, or has a flaw.
    pub fn read(path: &Path) -> Result<Self, PolicyError> {
        let error = |reason| PolicyError { origin: path.to_owned(), reason };
        let text = text(path).map_err(error)?;
        Self::parse(&text, path)
    }

    /// The policy that holds for a process in this folder: the one that was named, else the user's, else the system's; and
    /// every `airlock.toml` in the folder and those above it, which can only forbid. `None` if there is none of them.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] for the first one that is there and cannot be used. What is there and cannot be read counts as there.
    pub fn find(named: Option<&Path>, user: Option<&Path>, folder: &Path) -> Result<Option<Self>, PolicyError> {
        let mut policy = match named {
            Some(path) => Some(Self::read(path)?),
            None => match user.map(read_if_there).transpose()?.flatten() {
                Some(policy) => Some(policy),
                None => read_if_there(Path::new(Self::SYSTEM))?,
            },
        };
        for folder in folder.ancestors() {
            let Some(local) = read_if_there(&folder.join(Self::LOCAL))? else { continue };
            policy = Some(match policy {
                Some(policy) => policy.and(local),
                None => local,
            });
        }
        Ok(policy)
    }

    /// The policy that holds for this process: [`Policy::find`] for the user whose environment this is, and the folder that the
    /// process is in.
    ///
    /// # Errors
    ///
    /// As [`Policy::find`], and if it is not known which folder that is.
    pub fn here(named: Option<&Path>) -> Result<Option<Self>, PolicyError> {
        let folder = env::current_dir();
        // POSIX has no links in the path of the folder that a process is in, and looking at each part of it costs a call.
        #[cfg(not(unix))]
        let folder = folder.and_then(fs::canonicalize);
        let folder = folder.map_err(|error| PolicyError { origin: PathBuf::from("."), reason: error.into() })?;
        let home = |name| env::var_os(name).map(PathBuf::from);
        let user = Self::user_path(home("XDG_CONFIG_HOME"), home("HOME"));
        Self::find(named, user.as_deref(), &folder)
    }

    /// Where the user's own policy lies: `airlock/policy.toml` in `XDG_CONFIG_HOME`, or in `.config` of the home folder.
    #[must_use]
    pub fn user_path(config_home: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
        // A relative path there is to be ignored, as the specification of these folders says.
        let config = config_home.filter(|path| path.is_absolute());
        let config = config.or_else(|| home.filter(|path| path.is_absolute()).map(|home| home.join(".config")));
        config.map(|config| config.join("airlock/policy.toml"))
    }
}

fn read_if_there(path: &Path) -> Result<Option<Policy>, PolicyError> {
    match fs::symlink_metadata(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        _ => Policy::read(path).map(Some),
    }
}

fn text(path: &Path) -> Result<String, PolicyFlaw> {
    let file = files::open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if file.metadata()?.permissions().mode() & 0o002 != 0 {
            return Err(PolicyFlaw::Writable);
        }
    }
    let bytes = files::take(&file, Policy::MAX_BYTES)?.ok_or(PolicyFlaw::TooLarge)?;
    String::from_utf8(bytes).map_err(|_| PolicyFlaw::NotUtf8)
}
