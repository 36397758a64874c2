//! In which country an address is and whose network it is in, by databases in MaxMind's format that the
//! user has.
//!
//! GeoLite2 and DB-IP have `country.iso_code`, `autonomous_system_number` and
//! `autonomous_system_organization`; IPinfo has `country_code` or `country`, `asn` and `as_name`.

use std::{
    fs::File,
    io::{self, Read as _},
    net::IpAddr,
    path::{Path, PathBuf},
};

use maxminddb::{MaxMindDbError, Reader};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{config, printable::Printable};

/// Largest database that is read. It is read into memory: a file that is mapped, and that somebody
/// shortens, ends the process.
pub const MAX_BYTES: u64 = 192 * 1024 * 1024;

/// A database cannot be read.
#[derive(Debug, Error)]
pub enum NetworksError {
    /// The system refuses.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is too large to be one.
    #[error("{} has more than {} MiB", path.display(), MAX_BYTES >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// It is none.
    #[error("{} is no database in MaxMind's format: {source}", path.display())]
    NotOne {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: MaxMindDbError,
    },
}

/// What is known of an address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The country's code of two letters (ISO 3166-1).
    pub country: Option<Printable>,
    /// The network.
    pub network: Option<Network>,
}

/// Whose network it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Network {
    /// The number of the autonomous system.
    pub asn: u32,
    /// Whose it is.
    pub owner: Printable,
}

/// The databases.
#[derive(Debug, Default)]
pub struct Networks {
    countries: Option<Database>,
    networks: Option<Database>,
}

type Database = Reader<Vec<u8>>;

impl Networks {
    /// Reads the databases of a configuration. One that cannot be read is left out, and told.
    pub fn load(config: &config::Networks) -> (Self, Vec<NetworksError>) {
        let mut errors = Vec::new();
        let mut load = |path: &Option<PathBuf>| {
            let database = open(path.as_deref()?);
            database.map_err(|error| errors.push(error)).ok()
        };
        let countries = load(&config.country);
        let networks = load(&config.network);
        (Self { countries, networks }, errors)
    }

    /// Whether countries are known.
    pub const fn has_countries(&self) -> bool {
        self.countries.is_some()
    }

    /// Whether networks are known.
    pub const fn has_networks(&self) -> bool {
        self.networks.is_some()
    }

    /// What is known of an address.
    pub fn of(&self, address: IpAddr) -> Found {
        let country = self.countries.as_ref().and_then(|database| country(database, address));
        let network = self.networks.as_ref().and_then(|database| network(database, address));
        Found { country, network }
    }
}

fn open(path: &Path) -> Result<Database, NetworksError> {
    let failed = |source| NetworksError::Io { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(NetworksError::TooLarge { path: path.to_owned() });
    }
    Reader::from_source(bytes)
        .map_err(|source| NetworksError::NotOne { path: path.to_owned(), source })
}

/// A record about a country, in any of the forms that there are.
#[derive(Deserialize)]
struct CountryRecord<'a> {
    #[serde(borrow)]
    country: Option<Country<'a>>,
    country_code: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Country<'a> {
    Code(&'a str),
    #[serde(borrow)]
    Table(CountryTable<'a>),
}

#[derive(Deserialize)]
struct CountryTable<'a> {
    iso_code: Option<&'a str>,
}

fn country(database: &Database, address: IpAddr) -> Option<Printable> {
    let record: CountryRecord<'_> = database.lookup(address).ok()?.decode().ok()??;
    let code = record.country_code.or_else(|| match record.country? {
        Country::Code(code) => Some(code),
        Country::Table(table) => table.iso_code,
    })?;
    let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    is_code.then(|| code.into())
}

/// A record about a network, in any of the forms that there are.
#[derive(Deserialize)]
struct NetworkRecord<'a> {
    autonomous_system_number: Option<u32>,
    autonomous_system_organization: Option<&'a str>,
    asn: Option<&'a str>,
    as_name: Option<&'a str>,
}

fn network(database: &Database, address: IpAddr) -> Option<Network> {
    let record: NetworkRecord<'_> = database.lookup(address).ok()?.decode().ok()??;
    let asn = record.autonomous_system_number;
    let asn = asn.or_else(|| record.asn?.trim_start_matches("AS").parse().ok())?;
    let owner = record.autonomous_system_organization.or(record.as_name).unwrap_or_default();
    Some(Network { asn, owner: owner.into() })
}
