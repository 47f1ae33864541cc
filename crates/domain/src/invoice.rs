//! Numbers of tax documents: one series for invoices and one for credit notes, without a gap in a financial year
//! (CGST Rules, rules 46 and 53: at most 16 characters, consecutive, unique for a financial year).

use std::fmt;

use crate::financial_year::FinancialYear;
use crate::text_enum::text_enum;

text_enum! {
    /// What a document is.
    DocumentKind {
        /// A payment was received for a period.
        Invoice = "invoice",
        /// A payment, or a part of it, was given back.
        CreditNote = "credit_note",
    }
}

impl DocumentKind {
    const fn series(self) -> &'static str {
        match self {
            Self::Invoice => "GW",
            Self::CreditNote => "CN",
        }
    }
}

/// The number of a document, in text `GW/26-27/000001`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentNumber {
    /// The series.
    pub kind: DocumentKind,
    /// The financial year in which the document was issued.
    pub year: FinancialYear,
    /// Counts from one in each year.
    pub n: i64,
}

impl fmt::Display for DocumentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{:06}", self.kind.series(), self.year, self.n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_at_most_sixteen_characters_for_ten_million_documents_a_year() {
        let number = |n| DocumentNumber { kind: DocumentKind::Invoice, year: FinancialYear::beginning(2026), n }.to_string();
        assert_eq!(number(1), "GW/26-27/000001");
        assert_eq!(number(9_999_999).len(), 16);
        let note = DocumentNumber { kind: DocumentKind::CreditNote, year: FinancialYear::beginning(2099), n: 42 };
        assert_eq!(note.to_string(), "CN/99-00/000042");
    }
}
