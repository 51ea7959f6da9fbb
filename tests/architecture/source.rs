//! One source file as its syntax tree shows it: its modules, items, imports, paths and functions, without its tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// A path with the line that names it.
pub(crate) struct Mention {
    pub(crate) line: usize,
    pub(crate) path: Vec<String>,
}

/// A function with the number of lines between its braces.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) lines: usize,
}

#[derive(Default)]
pub(crate) struct Source {
    /// Names of modules in files of their own.
    pub(crate) modules: Vec<String>,
    /// Names that the file defines.
    pub(crate) items: BTreeSet<String>,
    /// Names that `use` brings, with their paths.
    pub(crate) imports: BTreeMap<String, Vec<String>>,
    /// Paths before `::*`.
    pub(crate) globs: Vec<Vec<String>>,
    pub(crate) mentions: Vec<Mention>,
    pub(crate) functions: Vec<Function>,
    /// Number of lines without tests.
    pub(crate) lines: usize,
}

impl Source {
    pub(crate) fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).expect("a source file");
        let syntax = syn::parse_file(&text).expect("Rust that compiles");
        let mut source = Self {
            lines: text.lines().count(),
            ..Self::default()
        };
        source.visit_file(&syntax);
        source
    }

    fn mention(&mut self, line: usize, path: Vec<String>) {
        if path.len() > 1 {
            self.mentions.push(Mention { line, path });
        }
    }

    /// Records the leaves of `use a::{b, c as d, e::*}`.
    fn import(&mut self, tree: &UseTree, before: &[String]) {
        let line = tree.span().start().line;
        let mut path = before.to_vec();
        match tree {
            UseTree::Path(step) => {
                path.push(step.ident.to_string());
                return self.import(&step.tree, &path);
            }
            UseTree::Group(group) => {
                return group
                    .items
                    .iter()
                    .for_each(|tree| self.import(tree, before));
            }
            UseTree::Glob(_) => self.globs.push(path.clone()),
            UseTree::Name(name) if name.ident == "self" => {
                self.imports
                    .extend(path.last().cloned().map(|name| (name, path.clone())));
            }
            UseTree::Name(name) => {
                path.push(name.ident.to_string());
                self.imports.insert(name.ident.to_string(), path.clone());
            }
            UseTree::Rename(name) => {
                path.push(name.ident.to_string());
                self.imports.insert(name.rename.to_string(), path.clone());
            }
        }
        self.mention(line, path);
    }

    /// Records the paths in tokens that no parser has read: a macro's, and those in the strings of attributes.
    fn scan(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut line = 0;
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(mark) if mark.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Ident(name) if colons == 2 && !path.is_empty() => {
                    path.push(name.to_string())
                }
                other => {
                    self.mention(line, std::mem::take(&mut path));
                    line = other.span().start().line;
                    match other {
                        TokenTree::Ident(name) => path.push(name.to_string()),
                        TokenTree::Group(group) => self.scan(group.stream()),
                        TokenTree::Literal(text) => {
                            if let Ok(text) = syn::parse_str::<syn::LitStr>(&text.to_string())
                                && let Ok(named) = text.parse::<syn::Path>()
                            {
                                self.mention(line, segments(&named));
                            }
                        }
                        TokenTree::Punct(_) => {}
                    }
                }
            }
            colons = 0;
        }
        self.mention(line, path);
    }

    fn function(&mut self, name: &syn::Ident, block: &syn::Block) {
        let lines = (block.span().end().line - block.span().start().line).saturating_sub(1);
        let name = name.to_string();
        self.functions.push(Function { name, lines });
    }
}

impl Visit<'_> for Source {
    fn visit_item(&mut self, item: &Item) {
        let (attributes, name) = described(item);
        if attributes.iter().any(is_test) {
            self.lines -= item.span().end().line - item.span().start().line + 1;
            return;
        }
        match item {
            Item::Mod(module) if module.content.is_none() => {
                self.modules.push(module.ident.to_string())
            }
            Item::Use(import) => return self.import(&import.tree, &[]),
            Item::Fn(function) => self.function(&function.sig.ident, &function.block),
            _ => {}
        }
        self.items.extend(name.map(ToString::to_string));
        visit::visit_item(self, item);
    }

    fn visit_impl_item_fn(&mut self, function: &syn::ImplItemFn) {
        if !function.attrs.iter().any(is_test) {
            self.function(&function.sig.ident, &function.block);
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_path(&mut self, path: &syn::Path) {
        self.mention(path.span().start().line, segments(path));
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &syn::Macro) {
        self.visit_path(&call.path);
        self.scan(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.scan(list.tokens.clone());
        }
    }

    // `pub(in path)` uses nothing.
    fn visit_visibility(&mut self, _: &syn::Visibility) {}
}

fn segments(path: &syn::Path) -> Vec<String> {
    path.segments
        .iter()
        .map(|segment| segment.ident.to_string())
        .collect()
}

fn is_test(attribute: &Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else {
        return attribute.path().is_ident("test");
    };
    let condition = list.tokens.to_string();
    let tests = ["test", "all (test", "any (test", "feature = \"contract\""];
    list.path.is_ident("cfg") && tests.iter().any(|test| condition.starts_with(test))
}

fn described(item: &Item) -> (&[Attribute], Option<&syn::Ident>) {
    match item {
        Item::Const(item) => (&item.attrs, Some(&item.ident)),
        Item::Enum(item) => (&item.attrs, Some(&item.ident)),
        Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
        Item::Impl(item) => (&item.attrs, None),
        Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
        Item::Mod(item) => (&item.attrs, item.content.as_ref().map(|_| &item.ident)),
        Item::Static(item) => (&item.attrs, Some(&item.ident)),
        Item::Struct(item) => (&item.attrs, Some(&item.ident)),
        Item::Trait(item) => (&item.attrs, Some(&item.ident)),
        Item::Type(item) => (&item.attrs, Some(&item.ident)),
        Item::Use(item) => (&item.attrs, None),
        _ => (&[], None),
    }
}
