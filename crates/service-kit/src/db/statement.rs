//! SQL of our own that PostgreSQL prepares once for each connection.
//!
//! `diesel::sql_query` cannot know that its text is always the same, so each call is prepared anew: a round trip, a parse
//! and a plan more than the query itself. Ours are constants, or one of a few.

use std::marker::PhantomData;

use diesel::{
    QueryResult,
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{HasSqlType, Untyped},
};

/// A statement with the placeholders `$1`, `$2` …; the text must be one of a few, since every text stays prepared.
///
/// Bind its values with [`Statement::bind`], then load or execute it as any query of Diesel.
pub fn sql_query(text: impl Into<String>) -> Statement<Text> {
    Statement(Text(text.into()))
}

/// A query whose values so far are bound.
#[derive(Debug, Clone)]
#[must_use = "a statement does nothing until it is loaded or executed"]
pub struct Statement<Q>(Q);

/// The text.
#[derive(Debug, Clone)]
pub struct Text(String);

/// A value after those of `query`.
#[derive(Debug, Clone)]
pub struct Bound<Q, V, ST> {
    query: Q,
    value: V,
    sql_type: PhantomData<ST>,
}

impl<Q> Statement<Q> {
    /// Binds the next placeholder to a value of the SQL type `ST`.
    pub fn bind<ST, V>(self, value: V) -> Statement<Bound<Q, V, ST>> {
        Statement(Bound { query: self.0, value, sql_type: PhantomData })
    }
}

impl QueryFragment<Pg> for Text {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(&self.0);
        Ok(())
    }
}

impl<Q, V, ST> QueryFragment<Pg> for Bound<Q, V, ST>
where
    Pg: HasSqlType<ST>,
    Q: QueryFragment<Pg>,
    V: ToSql<ST, Pg>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.query.walk_ast(out.reborrow())?;
        out.push_bind_param_value_only::<ST, V>(&self.value)
    }
}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Statement<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

/// Told apart by its text and the types of its values.
impl<Q> QueryId for Statement<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q> Query for Statement<Q> {
    type SqlType = Untyped;
}
