//! Who may read a row, and who may read its gated fields, as SQL conditions.

use lyceum_kernel::{Action, Id, RowScope};
use lyceum_model::{Access, Field, FieldKind, Gate, Owner, TypeDef};

use super::{
    plan::{AccessOutput, MoneyPart, OfferOutput},
    sql::{Alias, Sql},
};

impl<'r> Sql<'r> {
    /// `(…)`: the viewer may read this row.
    pub(super) fn readable(&mut self, def: &TypeDef, alias: Alias) {
        self.readable_from(def, alias, None);
    }

    /// As [`Self::readable`], for rows reached over the to-one field `via` of
    /// theirs from a row that was found readable.
    pub(super) fn readable_from(&mut self, def: &TypeDef, alias: Alias, via: Option<&str>) {
        let scopes = self.reading.viewer.scope(&def.name, def.is_content(), Action::Read);
        self.scoped(def, alias, &scopes);
        // What hangs on an entry that may not be read may not be read either.
        if let Some(Gate::Inherit { field }) = &def.gate
            && via != Some(field)
            && !scopes.contains(&RowScope::All)
            && let Some((target, column)) = self.parent(def, field)
        {
            let parent = self.alias();
            self.write(format_args!(
                " AND EXISTS(SELECT 1 FROM {} {parent} WHERE {parent}.id={alias}.{column} AND ",
                target.table
            ));
            self.readable(target, parent);
            self.push(")");
        }
        if !def.follows.is_empty() && !scopes.contains(&RowScope::All) {
            self.followed(def, alias, via);
        }
    }

    /// ` AND (…)`: the row is the viewer's own, or one of those that it hangs
    /// on may be read. What hangs on a part of an entry, such as a lesson,
    /// needs what opens the part.
    fn followed(&mut self, def: &TypeDef, alias: Alias, via: Option<&str>) {
        let parents = def.follows.iter().filter_map(|field| Some((field.as_str(), self.parent(def, field)?)));
        let parents: Vec<_> = parents.collect();
        let is_part = |target: &TypeDef| matches!(target.gate, Some(Gate::Inherit { .. }));
        if parents.iter().any(|(field, (target, _))| via == Some(*field) && !is_part(target)) {
            return;
        }
        self.push(" AND (");
        self.own(def, alias);
        for (_, (target, column)) in parents {
            let parent = self.alias();
            self.write(format_args!(
                " OR EXISTS(SELECT 1 FROM {} {parent} WHERE {parent}.id={alias}.{column} AND ",
                target.table
            ));
            self.readable(target, parent);
            if is_part(target) {
                self.push(" AND ");
                self.granted(target, parent);
            }
            self.push(")");
        }
        self.push(")");
    }

    /// `(…)`: the row is within one of the scopes.
    pub(super) fn scoped(&mut self, def: &TypeDef, alias: Alias, scopes: &[RowScope]) {
        if scopes.contains(&RowScope::All) {
            return self.push("(1=1)");
        }
        self.push("(");
        let mut written = false;
        // `1=0 OR …` would be simpler to write, but keeps indexes from being used.
        for scope in scopes {
            let possible = match scope {
                RowScope::All => false,
                RowScope::Published => def.is_content() || def.public_when.is_some(),
                RowScope::Own => def.owner.is_some(),
                RowScope::Authors => def.owner == Some(Owner::Itself),
            };
            if !possible {
                continue;
            }
            self.push(if written { " OR " } else { "" });
            written = true;
            match scope {
                RowScope::Own => self.own(def, alias),
                RowScope::Authors => self.author(alias),
                RowScope::All | RowScope::Published => self.published(def, alias),
            }
        }
        self.push(if written { ")" } else { "1=0)" });
    }

    fn published(&mut self, def: &TypeDef, alias: Alias) {
        if def.is_content() {
            self.write(format_args!("{alias}.status='published'"));
        } else if let Some((column, value)) = &def.public_when {
            self.write(format_args!("{alias}.{column}="));
            self.literal(value);
        }
    }

    /// `(…)`: the person of this row made something that the viewer may read.
    fn author(&mut self, alias: Alias) {
        let shown = |def: &&TypeDef| def.is_content() || def.public_when.is_some();
        let model = self.reading.model;
        let mut types: Vec<&TypeDef> = model.types().iter().filter(shown).collect();
        // What most authors made first: the search ends at the first find.
        types.sort_by_key(|def| (def.gate.is_none(), !def.is_content()));
        self.push("(1=0");
        for def in types {
            let Some(Owner::Column(column)) = &def.owner else { continue };
            let made = self.alias();
            self.write(format_args!(
                " OR EXISTS(SELECT 1 FROM {} {made} WHERE {made}.{column}={alias}.id AND ",
                def.table
            ));
            self.readable(def, made);
            self.push(")");
        }
        self.push(")");
    }

    /// As [`Self::readable`], for a row that `column` of a row of `from` names.
    /// Who made what the viewer was found to read is its author.
    pub(super) fn readable_of(&mut self, from: &TypeDef, column: &str, def: &TypeDef, alias: Alias) {
        let shown = from.is_content() || from.public_when.is_some();
        let maker = matches!(&from.owner, Some(Owner::Column(owner)) if owner == column);
        let scopes = self.reading.viewer.scope(&def.name, def.is_content(), Action::Read);
        if shown && maker && def.owner == Some(Owner::Itself) && scopes.contains(&RowScope::Authors) {
            return self.push("(1=1)");
        }
        self.readable(def, alias);
    }

    /// The row is the viewer's own; false for visitors.
    pub(super) fn own(&mut self, def: &TypeDef, alias: Alias) {
        if self.reading.viewer.user.is_none() {
            return self.push("1=0");
        }
        match &def.owner {
            Some(Owner::Column(column)) => self.write(format_args!("{alias}.{column}=")),
            Some(Owner::Itself) => self.write(format_args!("{alias}.id=")),
            None => return self.push("1=0"),
        }
        self.bind_viewer();
    }

    /// The type and column that a to-one field leads over.
    fn parent<'m>(&self, def: &'m TypeDef, field: &str) -> Option<(&'r TypeDef, &'m str)> {
        let (target, column) = to_one(def.field(field)?)?;
        Some((self.reading.model.get(target)?, column))
    }

    /// `(…)`: the gated fields of this row are open to the viewer.
    pub(super) fn granted(&mut self, def: &TypeDef, alias: Alias) {
        let scopes = self.reading.viewer.scope(&def.name, def.is_content(), Action::Update);
        if scopes.contains(&RowScope::All) || self.reading.viewer.plugin.is_some() {
            return self.push("(1=1)");
        }
        self.push("(");
        match &def.gate {
            None => self.push("1=1"),
            Some(Gate::Own) => self.gate_open(alias),
            Some(Gate::Inherit { field }) => self.inherited(def, alias, field),
        }
        if scopes.contains(&RowScope::Own) && def.owner.is_some() {
            self.push(" OR ");
            self.own(def, alias);
        }
        self.push(")");
    }

    fn gate_open(&mut self, alias: Alias) {
        self.write(format_args!("{alias}.access='{}'", Access::Public.as_str()));
        if self.reading.viewer.user.is_none() {
            return;
        }
        self.write(format_args!(" OR {alias}.access='{}'", Access::SignedIn.as_str()));
        if !self.reading.viewer.tiers.is_empty() {
            self.write(format_args!(" OR ({alias}.access='{}' AND {alias}.access_tier_id", Access::Tier.as_str()));
            self.in_tiers();
            self.push(")");
        }
        if !self.reading.viewer.purchases.is_empty() {
            self.write(format_args!(" OR {alias}.id"));
            self.in_purchases();
        }
    }

    fn inherited(&mut self, def: &TypeDef, alias: Alias, field: &str) {
        let truth = if self.sqlite() { "=1" } else { "" };
        self.write(format_args!("coalesce({alias}.free_preview{truth},{})", if self.sqlite() { "0" } else { "false" }));
        if let Some((target, column)) = self.parent(def, field) {
            let parent = self.alias();
            self.write(format_args!(
                " OR EXISTS(SELECT 1 FROM {} {parent} WHERE {parent}.id={alias}.{column} AND ",
                target.table
            ));
            self.granted(target, parent);
            self.push(")");
        }
    }

    pub(super) fn may(&mut self, def: &TypeDef, id: Id, action: Action) {
        let alias = self.alias();
        self.write(format_args!("SELECT '1' FROM {} {alias} WHERE {alias}.id=", def.table));
        self.bind(id.to_string());
        self.push(" AND ");
        if action == Action::Read {
            return self.readable(def, alias);
        }
        let scopes = self.reading.viewer.scope(&def.name, def.is_content(), action);
        self.scoped(def, alias, &scopes);
    }

    pub(super) fn granted_row(&mut self, def: &TypeDef, id: Id) {
        let alias = self.alias();
        self.write(format_args!("SELECT '1' FROM {} {alias} WHERE {alias}.id=", def.table));
        self.bind(id.to_string());
        self.push(" AND ");
        self.readable(def, alias);
        self.push(" AND ");
        self.granted(def, alias);
    }

    /// The `access` object of a gated entry.
    pub(super) fn access(&mut self, def: &TypeDef, alias: Alias, outputs: &[(String, AccessOutput<'_>)]) {
        self.object(outputs, |sql, output| match output {
            AccessOutput::Typename => sql.push("'Access'"),
            AccessOutput::Granted => {
                sql.truth_open();
                sql.granted(def, alias);
                sql.truth_close();
            }
            AccessOutput::Reason => sql.reason(def, alias),
            AccessOutput::Requirement => sql.requirement(def, alias),
            AccessOutput::Offers(offer) => sql.offers(def, alias, offer),
        });
    }

    pub(super) fn truth_open(&mut self) {
        self.push(if self.sqlite() { "json(CASE WHEN " } else { "(" });
    }

    pub(super) fn truth_close(&mut self) {
        self.push(if self.sqlite() { " THEN 'true' ELSE 'false' END)" } else { ")" });
    }

    /// What the entry asks for.
    fn requirement(&mut self, def: &TypeDef, alias: Alias) {
        match self.gate_holder(def, alias) {
            None => self.push("'PUBLIC'"),
            Some((gate, _, None)) => {
                let capitals = self.capitals(&gate);
                self.push(&capitals);
            }
            Some((gate, _, Some(preview))) => {
                let capitals = self.capitals(&gate);
                self.write(format_args!("CASE WHEN {preview} THEN 'PUBLIC' ELSE {capitals} END"))
            }
        }
    }

    /// Why the gated fields are open, or what is missing.
    fn reason(&mut self, def: &TypeDef, alias: Alias) {
        let Some((gate, _, preview)) = self.gate_holder(def, alias) else {
            return self.push("'PUBLIC'");
        };
        self.push("CASE");
        if let Some(preview) = &preview {
            self.write(format_args!(" WHEN {preview} THEN 'PUBLIC'"));
        }
        self.write(format_args!(" WHEN {gate}='public' THEN 'PUBLIC' WHEN "));
        self.granted(def, alias);
        self.write(format_args!(
            " THEN CASE {gate} WHEN 'signed_in' THEN 'SIGNED_IN' ELSE 'ENTITLED' END \
             WHEN {gate}='signed_in' THEN 'SIGN_IN_REQUIRED' WHEN {gate}='tier' THEN 'TIER_REQUIRED' ELSE 'PURCHASE_REQUIRED' END"
        ));
    }

    /// The SQL of the entry's `access` value, of the id of the entry that
    /// holds it, and of the condition that opens this row on its own.
    fn gate_holder(&self, def: &TypeDef, alias: Alias) -> Option<(String, String, Option<String>)> {
        match &def.gate {
            None => None,
            Some(Gate::Own) => Some((format!("{alias}.access"), format!("{alias}.id"), None)),
            Some(Gate::Inherit { field }) => {
                let (target, column) = self.parent(def, field)?;
                let value = format!("(SELECT g.access FROM {} g WHERE g.id={alias}.{column})", target.table);
                let truth = if self.sqlite() { "=1" } else { "" };
                Some((value, format!("{alias}.{column}"), Some(format!("{alias}.free_preview{truth}"))))
            }
        }
    }

    /// What the viewer could buy: the plans of tiers that are high enough, and
    /// the course itself.
    fn offers(&mut self, def: &TypeDef, alias: Alias, outputs: &[(String, OfferOutput<'_>)]) {
        let Some((_, holder, _)) = self.gate_holder(def, alias) else {
            return self.push(if self.sqlite() { "json('[]')" } else { "'[]'::json" });
        };
        let (plan, tier, course, needed) = (self.alias(), self.alias(), self.alias(), self.alias());
        let course_table = self.gate_table(def);
        self.push(if self.sqlite() {
            "(SELECT json_group_array(json(o)) FROM ("
        } else {
            "(SELECT coalesce(json_agg(o),'[]'::json) FROM ("
        });
        self.push("SELECT o FROM (SELECT ");
        self.offer(
            outputs,
            Some(plan),
            &format!("{plan}.price_minor"),
            &format!("{plan}.price_currency"),
            &course.to_string(),
        );
        self.write(format_args!(
            " AS o,0 AS kind,{tier}.rank AS rank,{plan}.price_minor AS price FROM {course_table} {course} JOIN tier {needed} ON {needed}.id={course}.access_tier_id \
             JOIN tier {tier} ON {tier}.rank>={needed}.rank JOIN plan {plan} ON {plan}.tier_id={tier}.id \
             WHERE {course}.id={holder} AND {course}.access='tier' AND {plan}.active{}",
            if self.sqlite() { "=1" } else { "" }
        ));
        if let Some(plan_type) = self.reading.model.get("plan") {
            self.push(" AND ");
            self.readable(plan_type, plan);
        }
        self.push(" AND NOT ");
        self.granted(def, alias);
        if course_table == "course" {
            let bought = self.alias();
            self.push(" UNION ALL SELECT ");
            self.offer(
                outputs,
                None,
                &format!("{bought}.price_minor"),
                &format!("{bought}.price_currency"),
                &bought.to_string(),
            );
            self.write(format_args!(
                " AS o,1,0,{bought}.price_minor FROM course {bought} WHERE {bought}.id={holder} AND {bought}.access IN ('tier','purchase') \
                 AND {bought}.price_minor IS NOT NULL AND NOT "
            ));
            self.granted(def, alias);
        }
        self.push(") u ORDER BY kind,rank,price) v)");
    }

    fn gate_table(&self, def: &TypeDef) -> String {
        match &def.gate {
            Some(Gate::Inherit { field }) => {
                self.parent(def, field).map_or_else(|| def.table.clone(), |(target, _)| target.table.clone())
            }
            _ => def.table.clone(),
        }
    }

    fn offer(
        &mut self,
        outputs: &[(String, OfferOutput<'_>)],
        plan: Option<Alias>,
        minor: &str,
        currency: &str,
        course: &str,
    ) {
        self.object(outputs, |sql, output| match output {
            OfferOutput::Typename => sql.push("'Offer'"),
            OfferOutput::Kind => sql.push(if plan.is_some() { "'PLAN'" } else { "'PURCHASE'" }),
            OfferOutput::Price(parts) => sql.money_object(parts, minor, currency),
            OfferOutput::Plan(entity) => match plan {
                Some(alias) => sql.entity(entity, alias),
                None => sql.push("NULL"),
            },
            OfferOutput::CourseId => match plan {
                Some(_) => sql.push("NULL"),
                None => sql.write(format_args!("'course_'||{course}.id")),
            },
        });
    }

    pub(super) fn money_object(&mut self, parts: &[(String, MoneyPart)], minor: &str, currency: &str) {
        self.object(parts, |sql, part| match part {
            MoneyPart::Typename => sql.push("'Money'"),
            MoneyPart::Minor => sql.push(minor),
            MoneyPart::Currency => sql.push(currency),
        });
    }
}

/// The table column of a to-one field.
pub(super) fn to_one(field: &Field) -> Option<(&str, &str)> {
    match &field.kind {
        FieldKind::ToOne { target, column } => Some((target, column)),
        _ => None,
    }
}
