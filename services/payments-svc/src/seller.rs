//! Who sells, as the settings say: what stands on every invoice.

use domain::gst::GstinProblem;
use serde::Deserialize;

use crate::invoice::{Seller, pdf::unprintable};

/// The seller of the example in `default.toml`, which production refuses.
const EXAMPLE: &str = "29AAACG0000A1ZO";

/// The settings, as they are written.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "each key is documented in default.toml")]
pub struct SellerConfig {
    pub legal_name: String,
    pub address: String,
    pub gstin: String,
    pub email: String,
    pub sac: String,
}

/// What is wrong with the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SellerProblem {
    /// Something is not there.
    #[error("is required: it stands on every invoice")]
    Missing(&'static str),
    /// No registration number.
    #[error("{0}")]
    Gstin(#[from] GstinProblem),
    /// Not six digits.
    #[error("a services accounting code has six digits")]
    Sac,
    /// A character that invoices cannot show.
    #[error("invoices cannot show {1:?}: write it in Latin letters")]
    Unprintable(&'static str, char),
}

impl SellerProblem {
    /// The setting that is wrong.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Missing(setting) | Self::Unprintable(setting, _) => setting,
            Self::Gstin(_) => "gstin",
            Self::Sac => "sac",
        }
    }
}

impl SellerConfig {
    /// The seller.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn seller(&self) -> Result<Seller, SellerProblem> {
        let address: Vec<String> = self.address.split('|').map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect();
        let texts =
            [("legal_name", self.legal_name.trim()), ("address", address.first().map_or("", String::as_str)), ("email", self.email.trim())];
        for (setting, text) in texts {
            if text.is_empty() {
                return Err(SellerProblem::Missing(setting));
            }
        }
        for (setting, text) in [("legal_name", &self.legal_name), ("address", &self.address), ("email", &self.email)] {
            if let Some(character) = unprintable(text) {
                return Err(SellerProblem::Unprintable(setting, character));
            }
        }
        if self.sac.len() != 6 || !self.sac.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SellerProblem::Sac);
        }
        Ok(Seller {
            legal_name: self.legal_name.trim().to_owned(),
            address,
            gstin: self.gstin.parse()?,
            email: self.email.trim().to_owned(),
            sac: self.sac.clone(),
        })
    }

    /// Whether this is the seller of the example.
    pub fn is_example(&self) -> bool {
        self.gstin.trim() == EXAMPLE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> SellerConfig {
        SellerConfig {
            legal_name: "Groundwork Private Limited".to_owned(),
            address: "12 Residency Road | Bengaluru 560025".to_owned(),
            gstin: EXAMPLE.to_owned(),
            email: "billing@groundwork.example".to_owned(),
            sac: "998315".to_owned(),
        }
    }

    #[test]
    fn an_address_is_its_lines() {
        assert_eq!(config().seller().unwrap().address, ["12 Residency Road", "Bengaluru 560025"]);
    }

    #[test]
    fn what_is_wrong_is_said_by_the_name_of_its_setting() {
        let problem = |change: &dyn Fn(&mut SellerConfig)| {
            let mut changed = config();
            change(&mut changed);
            changed.seller().unwrap_err().setting()
        };
        assert_eq!(problem(&|config| config.legal_name = " ".to_owned()), "legal_name");
        assert_eq!(problem(&|config| config.legal_name = "ग्राउंडवर्क".to_owned()), "legal_name");
        assert_eq!(problem(&|config| config.address = "|".to_owned()), "address");
        assert_eq!(problem(&|config| config.gstin = "29AAACG0000A1ZP".to_owned()), "gstin");
        assert_eq!(problem(&|config| config.email = String::new()), "email");
        assert_eq!(problem(&|config| config.sac = "9983".to_owned()), "sac");
    }
}
