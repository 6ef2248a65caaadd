//! Rust files as the checks see them: code without comments, and the texts that stand in it.

use crate::repository::read;

/// A text in the code.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    /// Its line, from 1.
    pub(crate) line: usize,
    /// What stands between its quotes, escapes as they are written.
    pub(crate) words: String,
}

/// A file without its comments and without its tests, which stand at its end.
#[derive(Debug)]
pub(crate) struct Source {
    /// The code, texts included.
    pub(crate) code: String,
    /// The texts.
    pub(crate) texts: Vec<Text>,
}

/// What of a file goes into production.
pub(crate) fn production(path: &str) -> Source {
    let text = read(path);
    understood(text.split("\n#[cfg(test)]").next().unwrap_or_default())
}

/// A whole file, its tests included.
pub(crate) fn whole(path: &str) -> Source {
    understood(&read(path))
}

fn understood(text: &str) -> Source {
    let mut source = Source { code: String::with_capacity(text.len()), texts: vec![] };
    let (mut rest, mut line, mut counted) = (text, 1, text);
    while let Some(first) = rest.chars().next() {
        if first == '"' || first == 'r' {
            line += counted[..counted.len() - rest.len()].matches('\n').count();
            counted = rest;
        }
        if rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, behind)| behind);
            source.code.push('\n');
        } else if let Some(opened) = opened_raw(rest) {
            let behind = rest.split_at(opened.len()).1;
            let closing = format!("\"{}", "#".repeat(opened.matches('#').count()));
            let (words, after) = behind.split_once(closing.as_str()).unwrap_or((behind, ""));
            source.take(line, words);
            rest = after;
        } else if first == '"' {
            let behind = rest.split_at(1).1;
            let (words, after) = behind.split_at(closing_quote(behind));
            source.take(line, words);
            rest = after.split_at(after.len().min(1)).1;
        } else if let Some(length) = char_literal(rest) {
            let (literal, after) = rest.split_at(length);
            source.code.push_str(literal);
            rest = after;
        } else {
            source.code.push(first);
            rest = rest.split_at(first.len_utf8()).1;
        }
    }
    source
}

impl Source {
    fn take(&mut self, line: usize, words: &str) {
        self.code.push('"');
        self.code.push_str(words);
        self.code.push('"');
        self.texts.push(Text { line, words: words.to_owned() });
    }

    /// Arguments of every call of a name, as they are written: `calls("Flaw::new")`.
    pub(crate) fn calls(&self, name: &str) -> Vec<Vec<String>> {
        let opened = format!("{name}(");
        let is_whole = |at: usize| !self.code[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
        let found = self.code.match_indices(&opened).filter(|(at, _)| is_whole(*at));
        found.map(|(at, _)| arguments(&self.code[at + opened.len()..])).collect()
    }
}

/// `r"` or `r#"` at the beginning, when it is not the end of a name.
fn opened_raw(rest: &str) -> Option<&str> {
    let hashes = rest.strip_prefix('r')?;
    let length = hashes.len() - hashes.trim_start_matches('#').len();
    hashes[length..].starts_with('"').then(|| &rest[..length + 2])
}

fn closing_quote(behind: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in behind.char_indices() {
        match letter {
            '"' if !escaped => return at,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    behind.len()
}

/// How long a literal such as `'"'` or `'\''` is; a lifetime is none.
fn char_literal(rest: &str) -> Option<usize> {
    let behind = rest.strip_prefix('\'')?;
    let mut letters = behind.char_indices();
    let (_, first) = letters.next()?;
    if first == '\\' {
        let end = behind.char_indices().skip(2).find(|(_, letter)| *letter == '\'')?.0;
        return Some(end + 2);
    }
    let (at, second) = letters.next()?;
    (second == '\'').then_some(at + 2)
}

/// Arguments up to the parenthesis that closes them.
fn arguments(behind: &str) -> Vec<String> {
    let (mut depth, mut in_text, mut escaped) = (0_i32, false, false);
    let mut found = vec![String::new()];
    for letter in behind.chars() {
        match letter {
            '"' if !escaped => in_text = !in_text,
            '(' | '[' | '{' if !in_text => depth += 1,
            ')' | ']' | '}' if !in_text => {
                if depth == 0 {
                    break;
                }
                depth -= 1;
            }
            ',' if !in_text && depth == 0 => {
                found.push(String::new());
                continue;
            }
            _ => {}
        }
        escaped = letter == '\\' && !escaped;
        if let Some(last) = found.last_mut() {
            last.push(letter);
        }
    }
    found.iter().map(|argument| argument.trim().to_owned()).filter(|argument| !argument.is_empty()).collect()
}

/// A text literal's words; nothing for any other expression.
pub(crate) fn literal(expression: &str) -> Option<&str> {
    expression.strip_prefix('"')?.strip_suffix('"').filter(|words| !words.contains('"'))
}

/// The words behind each occurrence of a beginning, up to the next letter that is no part of a name.
pub(crate) fn names_behind<'a>(code: &'a str, beginning: &str) -> Vec<&'a str> {
    let name = |at: usize| {
        let behind = &code[at + beginning.len()..];
        behind.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').next().unwrap_or_default()
    };
    code.match_indices(beginning).map(|(at, _)| name(at)).filter(|name| !name.is_empty()).collect()
}

#[test]
fn comments_are_no_code_and_texts_are_found_in_every_form() {
    let source = understood("a(\"x # y\", 'b', r#\"raw \"z\"\"#); // \"not\" a text\nb('\"', \"\\\"\", &'a str)");
    let words: Vec<_> = source.texts.iter().map(|text| (text.line, text.words.as_str())).collect();
    assert_eq!(words, [(1, "x # y"), (1, "raw \"z\""), (2, "\\\"")]);
    assert!(!source.code.contains("not"), "{}", source.code);
}

#[test]
fn the_arguments_of_a_call_are_taken_apart_at_its_own_commas() {
    let source = understood("Flaw::new(format!(\"/{a}, b\", (1, 2)), \"code\", detail)");
    assert_eq!(source.calls("Flaw::new"), [["format!(\"/{a}, b\", (1, 2))", "\"code\"", "detail"]]);
}
