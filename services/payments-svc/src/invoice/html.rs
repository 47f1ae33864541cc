//! A document as a page that prints well.

use std::fmt::Write;

use mail::escape_html;

use super::Printed;

/// The page's style, named by its hash in the policy with which the page is served.
pub const STYLE: &str = include_str!("invoice.css");

/// The document as a whole page.
pub fn page(printed: &Printed) -> String {
    let mut html = String::with_capacity(4096);
    let title = format!("{} {}", printed.title, printed.number);
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"en-IN\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style></head>\n<body><main>\n<header><h1>{}</h1><p>{}</p></header>\n",
        printed.title, printed.number
    );
    html.push_str("<section class=\"parties\">\n");
    party(&mut html, "From", &printed.seller);
    party(&mut html, "To", &printed.buyer);
    html.push_str("</section>\n<dl class=\"facts\">\n");
    for (name, value) in &printed.facts {
        let _ = writeln!(html, "<dt>{name}</dt><dd>{}</dd>", escape_html(value));
    }
    let _ = write!(
        html,
        "</dl>\n<table><thead><tr><th scope=\"col\">Service</th><th scope=\"col\">SAC</th><th scope=\"col\">Amount</th></tr></thead>\n\
         <tbody><tr><td>{}<br><small>{}</small></td><td>{}</td><td>{}</td></tr></tbody>\n<tfoot>\n",
        escape_html(&printed.description),
        escape_html(&printed.period),
        escape_html(&printed.sac),
        printed.sums.first().map_or_else(String::new, |(_, amount)| escape_html(amount)),
    );
    for (name, amount) in &printed.sums {
        let _ = writeln!(html, "<tr><th scope=\"row\" colspan=\"2\">{}</th><td>{}</td></tr>", escape_html(name), escape_html(amount));
    }
    let _ = write!(
        html,
        "<tr class=\"total\"><th scope=\"row\" colspan=\"2\">Total</th><td>{}</td></tr>\n</tfoot></table>\n<p class=\"words\">{}</p>\n",
        escape_html(&printed.total),
        escape_html(&printed.words)
    );
    for note in &printed.notes {
        let _ = writeln!(html, "<p>{}</p>", escape_html(note));
    }
    html.push_str("</main></body></html>\n");
    html
}

fn party(html: &mut String, heading: &str, lines: &[String]) {
    let lines: Vec<String> = lines.iter().map(|line| escape_html(line)).collect();
    let _ = writeln!(html, "<div><h2>{heading}</h2><address>{}</address></div>", lines.join("<br>"));
}
