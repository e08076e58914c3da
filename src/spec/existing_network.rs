//! A network that somebody else made: a VPC and some of its subnets, which are looked at and never changed.

use std::collections::BTreeSet;

/// Most subnets that tasks of a service may be in (ECS `AwsVpcConfiguration`).
pub(crate) const SUBNETS: usize = 16;

/// A VPC that is there already, and the subnets of it that the stack stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExistingNetwork {
    /// The VPC's id.
    pub vpc: String,
    /// The subnets of what the internet reaches; empty or two at least.
    pub public: BTreeSet<String>,
    /// The subnets of everything else; empty or two at least, and never both.
    pub private: BTreeSet<String>,
}

impl ExistingNetwork {
    /// Whether instances and tasks on Fargate are in the public subnets, with public addresses.
    pub fn is_outside(&self) -> bool {
        self.private.is_empty()
    }

    /// All subnets.
    pub fn subnets(&self) -> impl Iterator<Item = &String> {
        self.public.iter().chain(&self.private)
    }

    /// The subnets of a key.
    pub fn of(&self, which: Subnets) -> &BTreeSet<String> {
        match which {
            Subnets::Public => &self.public,
            Subnets::Private => &self.private,
        }
    }

    /// Where instances and tasks on Fargate are.
    pub fn of_tasks(&self) -> Subnets {
        if self.is_outside() { Subnets::Public } else { Subnets::Private }
    }
}

/// A key that names subnets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subnets {
    /// `public_subnets`.
    Public,
    /// `private_subnets`.
    Private,
}

impl Subnets {
    /// Both, in the order in which they are written.
    pub const ALL: [Self; 2] = [Self::Public, Self::Private];

    /// The path of the key.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Public => "network.existing.public_subnets",
            Self::Private => "network.existing.private_subnets",
        }
    }
}

/// Checks the shape of an id of EC2; whether there is such a thing, AWS says.
pub(crate) fn check_id(prefix: &str, text: &str) -> Result<String, String> {
    let fits = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
    let fits = fits.is_some_and(|digits| {
        (8..=17).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    });
    match fits {
        true => Ok(text.to_owned()),
        false => Err(format!("must be `{prefix}-` and 8 to 17 lower-case hexadecimal digits")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_ec2() {
        for id in ["vpc-0a1b2c3d4e5f60718", "vpc-1a2b3c4d"] {
            assert_eq!(check_id("vpc", id).as_deref(), Ok(id));
        }
        for id in
            ["", "vpc-", "vpc-0A1B2C3D", "vpc-0a1b2c3", "subnet-1a2b3c4d", "main", "vpc1a2b3c4d"]
        {
            assert!(check_id("vpc", id).is_err(), "{id}");
        }
    }
}
