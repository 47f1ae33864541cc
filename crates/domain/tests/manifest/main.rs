//! From answers to manifests: the properties of checking and reducing, on fixtures and generated answers.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod differences;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod numbers;
#[cfg(test)]
mod reducer;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod sizes;
