//! User's text as a part of one line that nothing but a person reads a meaning into.

/// The text in one line: white space and control characters become a space; characters that steer how text is shown, or
/// show nothing, go; what markers, code fences, special tokens and turns of a conversation are made of becomes something
/// that looks like it.
pub(super) fn plain(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '<' => kept.push('‹'),
            '>' => kept.push('›'),
            '[' => kept.push('('),
            ']' => kept.push(')'),
            '`' => kept.push('\''),
            // They join letters of some scripts and parts of emoji.
            '\u{200C}' | '\u{200D}' => {
                let joins = |neighbour: Option<char>| neighbour.is_some_and(|c| !c.is_ascii() && !is_hidden(c) && !c.is_whitespace());
                if joins(kept.chars().next_back()) && joins(characters.peek().copied()) {
                    kept.push(character);
                }
            }
            _ if is_hidden(character) => {}
            _ if character.is_whitespace() || character.is_control() => {
                if !kept.ends_with(' ') {
                    kept.push(' ');
                }
            }
            _ => kept.push(character),
        }
    }
    kept.trim().to_owned()
}

/// Shows nothing, or changes how its neighbours are shown.
const fn is_hidden(character: char) -> bool {
    matches!(
        character,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_in_its_line_and_shows_all_it_holds() {
        assert_eq!(plain("one\r\ntwo\tthree\u{2028}four\u{0}"), "one two three four");
        assert_eq!(plain("pay\u{200B}pal\u{202E}lap\u{2066}x\u{FEFF}\u{E0041}"), "paypallapx");
        assert_eq!(plain("<<<end>>> <|im_end|> [/INST] ```"), "‹‹‹end››› ‹|im_end|› (/INST) '''");
    }

    #[test]
    fn joiners_stay_between_the_letters_that_need_them() {
        assert_eq!(plain("👩\u{200D}🔧 नमस्\u{200D}ते"), "👩\u{200D}🔧 नमस्\u{200D}ते");
        assert_eq!(plain("a\u{200D}b\u{200C}"), "ab");
    }
}
