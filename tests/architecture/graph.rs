//! The files of a crate, and which of them use which: each path is followed through re-exports to the file that defines it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::source::Source;

/// Longest chain of re-exports that is followed.
const LONGEST_CHAIN: usize = 16;

/// A file that uses another one, both as paths within the source folder.
#[derive(Clone)]
pub(crate) struct Use {
    pub(crate) from: String,
    pub(crate) line: usize,
    pub(crate) to: String,
    pub(crate) path: String,
}

impl fmt::Display for Use {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            from,
            line,
            to,
            path,
        } = self;
        write!(formatter, "{from}:{line} uses {path} of {to}")
    }
}

struct Module {
    file: String,
    source: Source,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
}

/// A library, and its binary beside it.
pub(crate) struct Crate {
    name: &'static str,
    modules: Vec<Module>,
}

/// The end of a path.
enum Place {
    Module(usize),
    /// An item that this module defines.
    Item(usize),
    /// A path that begins with the name of another crate.
    Elsewhere(Vec<String>),
}

impl Crate {
    pub(crate) fn read(name: &'static str, folder: &str) -> Self {
        let folder = crate::root().join(folder);
        let mut read = Self {
            name,
            modules: Vec::new(),
        };
        for root in ["lib.rs", "main.rs"] {
            if folder.join(root).exists() {
                read.add(&folder, root.into(), None);
            }
        }
        read
    }

    fn add(&mut self, folder: &Path, file: PathBuf, parent: Option<usize>) -> usize {
        let source = Source::read(&folder.join(&file));
        let names = source.modules.clone();
        let index = self.modules.len();
        self.modules.push(Module {
            file: file.display().to_string(),
            source,
            parent,
            children: BTreeMap::new(),
        });
        let inside = match file.file_name().and_then(|name| name.to_str()) {
            Some("lib.rs" | "main.rs" | "mod.rs") => file.with_file_name(""),
            _ => file.with_extension(""),
        };
        for name in names {
            let [flat, nested] = [
                inside.join(format!("{name}.rs")),
                inside.join(&name).join("mod.rs"),
            ];
            let child = if folder.join(&flat).exists() {
                flat
            } else {
                nested
            };
            let child = self.add(folder, child, Some(index));
            self.modules[index].children.insert(name, child);
        }
        index
    }

    /// Each file with its source.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.modules
            .iter()
            .map(|module| (module.file.as_str(), &module.source))
    }

    /// Each use of one file by another, once; those by the crate's roots left out, since they only list.
    pub(crate) fn uses(&self) -> Vec<Use> {
        let mut seen = BTreeSet::new();
        let mut uses = Vec::new();
        for (index, module) in self
            .modules
            .iter()
            .enumerate()
            .filter(|(_, module)| module.parent.is_some())
        {
            for mention in &module.source.mentions {
                let Some(Place::Item(target)) = self.resolve(index, &mention.path, 0) else {
                    continue;
                };
                if target != index && seen.insert((index, target)) {
                    uses.push(Use {
                        from: module.file.clone(),
                        line: mention.line,
                        to: self.modules[target].file.clone(),
                        path: mention.path.join("::"),
                    });
                }
            }
        }
        uses
    }

    /// Each path into other crates that a file names, in full, as `(file, line, path)`.
    pub(crate) fn foreign(&self) -> impl Iterator<Item = (&str, usize, String)> {
        self.modules
            .iter()
            .enumerate()
            .flat_map(move |(index, module)| {
                module.source.mentions.iter().filter_map(move |mention| {
                    match self.resolve(index, &mention.path, 0) {
                        Some(Place::Elsewhere(path)) => {
                            Some((module.file.as_str(), mention.line, path.join("::")))
                        }
                        _ => None,
                    }
                })
            })
    }

    fn resolve(&self, from: usize, path: &[String], depth: usize) -> Option<Place> {
        if depth > LONGEST_CHAIN {
            return None;
        }
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.walk(self.root_of(from), rest, depth),
            "self" => self.walk(from, rest, depth),
            "super" => self.walk(self.modules[from].parent?, rest, depth),
            _ => self
                .walk(from, path, depth)
                .or_else(|| match first == self.name {
                    true => self.walk(0, rest, depth),
                    false => Some(Place::Elsewhere(path.to_vec())),
                }),
        }
    }

    /// Looks a path up in a module.
    fn walk(&self, module: usize, path: &[String], depth: usize) -> Option<Place> {
        let Some((name, rest)) = path.split_first() else {
            return Some(Place::Module(module));
        };
        let Module {
            source,
            parent,
            children,
            ..
        } = &self.modules[module];
        if name == "super" {
            return self.walk((*parent)?, rest, depth);
        }
        if let Some(child) = children.get(name) {
            return self.walk(*child, rest, depth);
        }
        if source.items.contains(name) {
            return Some(Place::Item(module));
        }
        if let Some(import) = source.imports.get(name) {
            // `use time::…` names the crate, not this import of the same name.
            if import.first() == Some(name) {
                return Some(Place::Elsewhere([import, rest].concat()));
            }
            return self.resolve(module, &[import, rest].concat(), depth + 1);
        }
        source
            .globs
            .iter()
            .find_map(|glob| match self.resolve(module, glob, depth + 1)? {
                Place::Module(target) if target != module => self.walk(target, path, depth + 1),
                _ => None,
            })
    }

    fn root_of(&self, mut module: usize) -> usize {
        while let Some(parent) = self.modules[module].parent {
            module = parent;
        }
        module
    }
}

/// The shortest cycle among some uses, or `None`.
pub(crate) fn cycle<'a>(uses: &[(&'a str, &'a str)]) -> Option<Vec<&'a str>> {
    let mut used: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in uses {
        used.entry(from).or_default().push(to);
    }
    let ways = used.keys().filter_map(|start| way_back(start, &used));
    ways.min_by_key(Vec::len)
}

/// The shortest way from a place back to it.
fn way_back<'a>(start: &'a str, used: &BTreeMap<&'a str, Vec<&'a str>>) -> Option<Vec<&'a str>> {
    let mut came_from = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(place) = queue.pop_front() {
        for next in used.get(place).into_iter().flatten() {
            if *next == start {
                let mut way = vec![place, start];
                while way[0] != start {
                    way.insert(0, came_from[way[0]]);
                }
                return Some(way);
            }
            if let Entry::Vacant(entry) = came_from.entry(*next) {
                entry.insert(place);
                queue.push_back(*next);
            }
        }
    }
    None
}
