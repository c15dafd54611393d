//! What looks like a secret, wherever it stands: masked letter by letter, so that places stay.

/// Masks what looks like a credential: well-known prefixes, and in URLs `user:password@` and the query.
pub(super) fn mask_looks(letters: &mut [char]) {
    const PREFIXES: [&str; 12] = [
        "sk-",
        "gsk_",
        "hf_",
        "xai-",
        "AIza",
        "ghp_",
        "github_pat_",
        "glpat-",
        "pplx-",
        "nvapi-",
        "AKIA",
        "eyJ",
    ];
    let part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let mut start = 0;
    while start < letters.len() {
        let length = letters
            .iter()
            .skip(start)
            .take_while(|letter| part(**letter))
            .count();
        let word: String = letters.iter().skip(start).take(length).collect();
        let known = PREFIXES.iter().any(|prefix| word.starts_with(prefix));
        if known && length >= 7 {
            mask_range(letters, start, start + length);
        }
        start += length.max(1);
    }
    let text: String = letters.iter().collect();
    for (scheme, _) in text.match_indices("://") {
        let from = text.get(..scheme).map_or(0, |head| head.chars().count()) + 3;
        let authority: Vec<char> = letters
            .iter()
            .skip(from)
            .take_while(|letter| !matches!(letter, '/' | '?' | '#' | ' ' | '"' | '\''))
            .copied()
            .collect();
        if let Some(at) = authority.iter().rposition(|letter| *letter == '@') {
            mask_range(letters, from, from + at);
        }
        mask_query(letters, from + authority.len());
    }
}

/// Masks query and fragment of the URL whose path begins at `from`: either may hold a key.
fn mask_query(letters: &mut [char], from: usize) {
    let in_url = |letter: &char| !letter.is_whitespace() && !matches!(letter, '"' | '\'' | '`');
    let rest = letters.iter_mut().skip(from);
    let query = rest
        .take_while(|letter| in_url(letter))
        .skip_while(|letter| !matches!(letter, '?' | '#'))
        .skip(1);
    query.for_each(|letter| *letter = '*');
}

/// Masks the letters of a range; blanks stay.
pub(super) fn mask_range(letters: &mut [char], from: usize, to: usize) {
    let to = to.min(letters.len());
    if let Some(range) = letters.get_mut(from..to) {
        range
            .iter_mut()
            .filter(|letter| !letter.is_whitespace())
            .for_each(|letter| *letter = '*');
    }
}
