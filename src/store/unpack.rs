//! The table-valued function `unpack(count, start, stride, steps, vals)`: the points of a packed chunk as rows of
//! (`step`, `value`), for questions in SQL.

use std::borrow::Cow;
use std::ffi::{CStr, c_int};
use std::marker::PhantomData;

use rusqlite::vtab::{
    Context, Filters, IndexConstraintOp, IndexInfo, Module, VTab, VTabConfig, VTabConnection, VTabCursor,
};
use rusqlite::{Connection, Error, Result, ffi};

use super::{Chunk, Series};

/// Columns before the arguments.
const RESULTS: c_int = 2;
/// The arguments: hidden columns.
const ARGUMENTS: c_int = 5;

/// Makes the function known to a connection.
pub(super) fn register(connection: &Connection) -> Result<()> {
    const MODULE: Module<'_, Unpack> = Module::eponymous_only_module();
    connection.create_module(c"unpack", &MODULE, None)
}

#[repr(C)]
struct Unpack {
    /// What SQLite sees; must be first.
    base: ffi::sqlite3_vtab,
}

// SAFETY: the structure is `repr(C)` and begins with SQLite's own, as the trait demands.
unsafe impl<'vtab> VTab<'vtab> for Unpack {
    type Aux = ();
    type Cursor = Points<'vtab>;

    fn connect(
        db: &mut VTabConnection,
        _: Option<&()>,
        _: &[u8],
        _: &[u8],
        _: &[u8],
        _: &[&[u8]],
    ) -> Result<(Cow<'static, CStr>, Self)> {
        db.config(VTabConfig::Innocuous)?;
        let columns = c"CREATE TABLE x (step INTEGER, value REAL, count HIDDEN, start HIDDEN, stride HIDDEN, steps HIDDEN, vals HIDDEN)";
        Ok((Cow::Borrowed(columns), Self { base: ffi::sqlite3_vtab::default() }))
    }

    fn best_index(&self, info: &mut IndexInfo) -> Result<bool> {
        let mut places = [None; ARGUMENTS as usize];
        for (i, constraint) in info.constraints().enumerate() {
            let argument = constraint.column() - RESULTS;
            if argument >= 0 && constraint.operator() == IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ {
                // An argument that comes from a table which is read later: not in this order.
                if !constraint.is_usable() {
                    return Ok(false);
                }
                places[argument as usize] = Some(i);
            }
        }
        for (argument, place) in places.iter().enumerate() {
            let Some(place) = place else {
                return Err(Error::ModuleError("unpack takes count, start, stride, steps, vals".into()));
            };
            let mut usage = info.constraint_usage(*place);
            usage.set_argv_index(argument as c_int + 1);
            usage.set_omit(true);
        }
        info.set_estimated_cost(100.0);
        info.set_estimated_rows(100);
        Ok(true)
    }

    fn open(&mut self) -> Result<Points<'_>> {
        Ok(Points { base: ffi::sqlite3_vtab_cursor::default(), series: Series::default(), at: 0, of: PhantomData })
    }
}

#[repr(C)]
struct Points<'vtab> {
    /// What SQLite sees; must be first.
    base: ffi::sqlite3_vtab_cursor,
    series: Series,
    at: usize,
    of: PhantomData<&'vtab Unpack>,
}

// SAFETY: the structure is `repr(C)` and begins with SQLite's own, as the trait demands.
unsafe impl VTabCursor for Points<'_> {
    fn filter(&mut self, _: c_int, _: Option<&str>, arguments: &Filters<'_>) -> Result<()> {
        let chunk = Chunk {
            count: arguments.get(0)?,
            start: arguments.get(1)?,
            stride: arguments.get(2)?,
            steps: arguments.get(3)?,
            values: arguments.get(4)?,
        };
        self.series = Series::default();
        self.at = 0;
        chunk.unpack(&mut self.series).map_err(Error::ModuleError)
    }

    fn next(&mut self) -> Result<()> {
        self.at += 1;
        Ok(())
    }

    fn eof(&self) -> bool {
        self.at >= self.series.steps.len()
    }

    fn column(&self, context: &mut Context, column: c_int) -> Result<()> {
        match column {
            0 => context.set_result(self.series.steps[self.at] as i64),
            1 => context.set_result(self.series.values[self.at]),
            // The arguments are not given back.
            _ => Ok(()),
        }
    }

    fn rowid(&self) -> Result<i64> {
        Ok(self.at as i64)
    }
}
