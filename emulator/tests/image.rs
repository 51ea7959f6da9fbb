//! Tests of the image without an engine: a root with the files of its Dockerfile, in which its entrypoint runs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/image");

struct Root(PathBuf);

impl Drop for Root {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

impl Root {
    fn new() -> Self {
        let root = Self(std::env::temp_dir().join(format!("emulator-root-{}", free_port())));
        let binary = Path::new(env!("CARGO_BIN_EXE_emulator"));
        let shell = std::fs::canonicalize("/bin/dash").expect("Debian's shell, as in the image");
        let mut files = vec![
            (binary.to_owned(), "/emulator".into()),
            (shell.clone(), "/bin/sh".into()),
            (Path::new(FOLDER).join("gcloud"), "/usr/bin/gcloud".into()),
            (Path::new(FOLDER).join("entrypoint"), "/entrypoint".into()),
        ];
        for program in [binary, &shell] {
            files.extend(
                libraries(program)
                    .into_iter()
                    .map(|path| (path.clone(), path)),
            );
        }
        for (from, to) in files {
            let to = root.0.join(to.strip_prefix("/").unwrap());
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(from, to).unwrap();
        }
        std::fs::create_dir_all(root.0.join("tmp")).unwrap();
        root
    }

    /// Runs words in the root, with the path of every image.
    fn run(&self, words: &[&str]) -> Child {
        Command::new("unshare")
            .args(["--user", "--map-root-user"])
            .arg(format!("--root={}", self.0.display()))
            .args(["--wd=/"])
            .args(words)
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

/// Returns the libraries of a program with its loader. `ldd` prints `NAME => PATH (ADDRESS)` or `PATH (ADDRESS)`.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(program).output().unwrap().stdout;
    let output = String::from_utf8(output).unwrap();
    let words = output.split_whitespace();
    words
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from)
        .collect()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Returns the first line with the word for which the modules wait, and stops the command by its port. A shell may have
/// started the emulator as a further process.
fn started(mut child: Child, port: u16) -> String {
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let found = log.find_map(|line| line.ok().filter(|line| line.contains("started")));
    if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
        let request = format!(
            "POST /shutdown HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        // A client that closes before the answer may have its request dropped.
        stream.read_to_end(&mut Vec::new()).ok();
    } else {
        child.kill().unwrap();
    }
    child.wait().unwrap();
    found.unwrap_or_default()
}

#[test]
#[ignore = "needs unshare and user namespaces"]
fn the_image_runs_the_commands_of_every_module() {
    let root = Root::new();
    let port = free_port();
    let expected = format!("[pubsub] INFO: Server started, listening on {port}");
    let host_port = format!("--host-port=0.0.0.0:{port}");
    let gcloud = format!("gcloud beta emulators pubsub start --host-port 0.0.0.0:{port}");
    let words: Vec<&str> = gcloud.split(' ').collect();
    for (module, command) in [
        (
            "Java, Node, Go",
            vec!["/entrypoint", "/bin/sh", "-c", &gcloud],
        ),
        ("Python, Rust", [&["/entrypoint"], &words[..]].concat()),
        (".NET, whose entrypoint is gcloud", words.clone()),
    ] {
        assert_eq!(started(root.run(&command), port), expected, "{module}");
    }
    let own = ["/entrypoint", &host_port, "--allow-remote"];
    assert_eq!(
        started(root.run(&own), port),
        format!("Server started, listening on {port}")
    );
}

#[test]
fn the_image_has_the_files_of_the_tests() {
    let dockerfile = concat!(env!("CARGO_MANIFEST_DIR"), "/../Dockerfile");
    let dockerfile = std::fs::read_to_string(dockerfile).unwrap();
    for line in [
        "COPY --from=compiler /usr/bin/dash /bin/sh",
        "COPY --chmod=0755 emulator/image/gcloud /usr/bin/gcloud",
        "COPY --chmod=0755 emulator/image/entrypoint /entrypoint",
        "ENTRYPOINT [\"/entrypoint\"]",
    ] {
        assert!(dockerfile.contains(line), "{line}");
    }
}
