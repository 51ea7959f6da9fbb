//! The head of the section: a list of contents, and the rules for all components.

use super::component::Component;
use super::links::Links;

const HEADING: &str = "
## Asynchronous Components

| Component | Kind | Purpose | Owner |
|---|---|---|---|
";

const RULES: &str = "
For all of them:

- Pub/Sub delivers every message at least once.
- Each subscription receives a copy of each message of its topic, and declares which messages count as the same.
- All names are short: the whole name of a topic is `projects/PROJECT/topics/TOPIC`.
- A message has data of at most 10 MB and up to 100 attributes (Google, *Quotas and limits*).
- The name of an attribute has at most 256 bytes and does not begin with `goog`, its value has at most 1024 bytes.
- For tools, the same is in ";

pub(super) fn section(components: &[Component<'_>], links: &Links, sources: &str) -> String {
    let mut section = format!(
        "<!-- Written by the command `generate` from the declarations in {sources}; changes made by hand are lost. -->\n{HEADING}"
    );
    for component in components {
        let Component {
            place,
            purpose,
            owner,
            ..
        } = component;
        let kind = component.kind.name().to_lowercase();
        section.push_str(&format!(
            "| {} | {kind} | {purpose} | {owner} |\n",
            place.link()
        ));
    }
    format!("{section}{RULES}{}.", links.asyncapi)
}
