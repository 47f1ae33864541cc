//! A content as YAML. Every text is quoted, so that no reader takes one for a number, a date or a truth.

use serde_json::Value;

/// The content, in its canonical order.
pub fn write(content: &Value) -> Result<String, serde_saphyr::SerializeError> {
    let options = serde_saphyr::ser_options! { quote_all: true };
    serde_saphyr::to_string_with_options(content, options)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_readers_take_for_something_else_comes_back_as_it_was() {
        let texts: &[&str] = &[
            "no",
            "Yes",
            "null",
            "~",
            "1e3",
            "0o7",
            "0x1F",
            "12:30:45",
            "2026-11-25",
            "1.0",
            "-",
            "- a",
            "a: b",
            "#c",
            "&a",
            "*a",
            "!t",
            "%y",
            "@x",
            "`x",
            "\"q\"",
            "it's",
            "a\nb",
            "trailing ",
            " leading",
            "|",
            ">",
            "{",
            "[",
            "किसान",
            "👩‍🔧",
            "\\",
            "\u{85}",
            "\u{feff}x",
            "...",
            "---",
            "<<",
            "=",
            ".inf",
            "0777",
            "1_000",
            "",
        ];
        let content = json!({ "texts": texts, "number": 9_007_199_254_740_991_i64, "nested": [{ "a": { "b": [1, 2] } }] });
        let yaml = write(&content).unwrap();
        let read: Value = serde_saphyr::from_str(&yaml).unwrap();
        assert_eq!(read, content, "{yaml}");
    }
}
