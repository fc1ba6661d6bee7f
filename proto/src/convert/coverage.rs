//! Coverage of an instance's data by its stores.

use super::{ConvertError, LIST_LIMIT, at_most, bounded, cut, enumeration, needed, texts};
use crate::v1;
use fleet_core::backup::{Coverage, EngineKind, StoreSeen, StoreState};
use v1::store_coverage::State;

enumeration!(EngineKind, StoreEngine, "store.engine":
    Postgresql => Postgresql,
    Mongodb => Mongodb,
    Mariadb => Mariadb,
    Mysql => Mysql,
    Redis => Redis,
    Neo4j => Neo4j,
    Volume => Volume,
    S3 => S3,
    Command => Command,
);

impl From<Coverage> for v1::Coverage {
    fn from(coverage: Coverage) -> Self {
        Self { stores: coverage.stores.into_iter().map(Into::into).collect(), undeclared: cut(coverage.undeclared) }
    }
}

impl TryFrom<v1::Coverage> for Coverage {
    type Error = ConvertError;
    fn try_from(message: v1::Coverage) -> Result<Self, ConvertError> {
        let stores = at_most("coverage.stores", LIST_LIMIT, message.stores)?;
        Ok(Self {
            stores: stores.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            undeclared: texts("coverage.undeclared", LIST_LIMIT, message.undeclared)?,
        })
    }
}

impl From<StoreSeen> for v1::StoreCoverage {
    fn from(seen: StoreSeen) -> Self {
        let state = match seen.state {
            StoreState::Covered => State::Covered(v1::Empty {}),
            StoreState::Derivable => State::Derivable(v1::Empty {}),
            StoreState::Missing { reason } => State::Missing(reason),
        };
        Self { store: seen.name.into(), engine: v1::StoreEngine::from(seen.engine).into(), state: Some(state) }
    }
}

impl TryFrom<v1::StoreCoverage> for StoreSeen {
    type Error = ConvertError;
    fn try_from(message: v1::StoreCoverage) -> Result<Self, ConvertError> {
        let engine = message.engine().try_into()?;
        let state = match needed("coverage.state", message.state)? {
            State::Covered(_) => StoreState::Covered,
            State::Derivable(_) => StoreState::Derivable,
            State::Missing(reason) => StoreState::Missing { reason: bounded(reason) },
        };
        Ok(Self { name: message.store.parse()?, engine, state })
    }
}
