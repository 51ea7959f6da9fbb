//! A root like the image's, with the release binary, its libraries and certificate authorities. The binary is started in it
//! without an engine and without privileges, and the root cannot be written to.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::free_port;
use super::official::option;

/// The user of the image, by number, since the image has no user names.
pub(crate) const USER: &str = "65532";

/// A script that makes the root `$0` read-only in a separate mount namespace.
const READ_ONLY: &str =
    "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro,nosuid,nodev \"$0\" && exec ";
const AS_ROOT: &str = "chroot --userspec=65532:65532 --groups= \"$0\" /pushgate \"$@\"";
const AS_ANYBODY: &str =
    "unshare --user --map-user=65532 --map-group=65532 --root=\"$0\" --wd=/ /pushgate \"$@\"";

pub(crate) struct EmptyRoot {
    folder: PathBuf,
}

impl EmptyRoot {
    /// Makes a root with these certificate authorities in PEM at Debian's path.
    pub(crate) fn new(certificates: &[u8]) -> Self {
        let name = format!("pushgate-root-{}-{}", std::process::id(), free_port());
        let root = Self {
            folder: std::env::temp_dir().join(name),
        };
        let binary = PathBuf::from(option("PUSHGATE_TEST_RELEASE"));
        root.copy(&binary, Path::new("/pushgate"));
        for library in libraries(&binary) {
            root.copy(&library, &library);
        }
        let bundle = root.inside(Path::new("/etc/ssl/certs/ca-certificates.crt"));
        std::fs::write(bundle, certificates).expect("a file");
        root
    }

    /// The command `pushgate` with these arguments, and no variable but the path that every image sets.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let (how, program) = if is_root() {
            (&["--mount"][..], AS_ROOT)
        } else {
            (&["--user", "--map-root-user", "--mount"][..], AS_ANYBODY)
        };
        let mut command = Command::new("unshare");
        command
            .args(how)
            .args(["sh", "-c", &format!("{READ_ONLY}{program}")])
            .arg(&self.folder)
            .args(arguments)
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    fn copy(&self, from: &Path, to: &Path) {
        let to = self.inside(to);
        std::fs::copy(from, &to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    }

    /// Returns the place of an absolute path in this root, and makes its folders.
    fn inside(&self, path: &Path) -> PathBuf {
        let place = self.folder.join(path.strip_prefix("/").expect("absolute"));
        std::fs::create_dir_all(place.parent().expect("a parent")).expect("a folder");
        place
    }
}

impl Drop for EmptyRoot {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The libraries of the binary with its loader. `ldd` prints `NAME => PATH (ADDRESS)` or `PATH (ADDRESS)`.
pub(crate) fn libraries(binary: &Path) -> Vec<PathBuf> {
    let output = std::process::Command::new("ldd").arg(binary).output();
    let output = output.expect("ldd runs").stdout;
    let output = String::from_utf8(output).expect("text");
    let paths = output.lines().flat_map(str::split_whitespace);
    paths
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from)
        .collect()
}

fn is_root() -> bool {
    let output = std::process::Command::new("id").arg("-u").output();
    output.expect("id runs").stdout.trim_ascii() == b"0"
}
