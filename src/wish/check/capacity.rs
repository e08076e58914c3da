//! The instances: their types, how many of them, and which are Spot ones.

use super::super::Wanted;
use super::Checker;
use crate::spec::{self, Ami, Instances, Pattern, RunOn, Spot, size};

const ONE_TYPE: &str = "capacity.instance_type";
const TYPES: &str = "capacity.instance_types";

impl<'a> Checker<'a> {
    pub(super) fn instances(&mut self, on_instances: bool, usual: Pattern) -> Option<Instances> {
        if !on_instances {
            self.no_instances(usual);
            return None;
        }
        let instance_types = self.instance_types();
        let ami = self.ami();
        let what = "a number of instances";
        let min_size = self.whole(None, "capacity.min_size", size::INSTANCES, what);
        let max_size = self.whole(None, "capacity.max_size", size::INSTANCES, what);
        let (min_size, max_size) = (min_size?, max_size?);
        if min_size > max_size {
            let default =
                if self.text(None, "capacity.max_size").is_none() { ", the default" } else { "" };
            let max = self.called(None, "capacity.max_size");
            let rule = format!("must not be larger than {max}, which is {max_size}{default}");
            self.problem(None, "capacity.min_size", &min_size.to_string(), rule);
        }
        let spot = self.spot(max_size);
        let volume_gib =
            self.whole(None, "capacity.volume_gib", size::VOLUME_GIB, "a number of GiB");
        let (instance_types, ami, volume_gib) = (instance_types?, ami?, volume_gib?);
        Some(Instances { instance_types, spot, volume_gib, ami, min_size, max_size })
    }

    /// The types: one, or several instead.
    fn instance_types(&mut self) -> Option<Vec<String>> {
        let Some(said) = self.wish.table.texts(TYPES) else {
            let one = self.or_usual(None, ONE_TYPE);
            let checked = spec::check_instance_type(one);
            return self.keep(None, ONE_TYPE, one, checked).map(|one| vec![one]);
        };
        if let Some(one) = self.text(None, ONE_TYPE) {
            let others = self.called(None, TYPES);
            let rule = format!("cannot stand beside {others}, which are instead of it");
            self.problem(None, ONE_TYPE, one, rule);
        }
        if !size::INSTANCE_TYPES.contains(&said.len()) {
            let rule = format!("must be 1 to {} types", size::INSTANCE_TYPES.end());
            self.problem(None, TYPES, &format!("{} types", said.len()), rule);
            return None;
        }
        let (mut types, mut is_right) = (Vec::new(), true);
        for (text, place) in said {
            let checked = match types.iter().any(|it| it == text) {
                true => Err("is there twice".to_owned()),
                false => spec::check_instance_type(text),
            };
            match checked {
                Ok(kind) => types.push(kind),
                Err(rule) => {
                    is_right = false;
                    self.problem_at(TYPES.to_owned(), Some(place), text, rule);
                }
            }
        }
        is_right.then_some(types)
    }

    /// The Spot instances, if there are to be some.
    fn spot(&mut self, max_size: u32) -> Option<Spot> {
        const BASE: &str = "capacity.on_demand_base";
        if self.text(None, "capacity.spot") != Some("true") {
            if let Some(base) = self.text(None, BASE) {
                let rule = "means nothing without `spot`: all instances are on demand";
                self.problem(None, BASE, base, rule);
            }
            return None;
        }
        let what = "a number of instances";
        let on_demand_base = self.whole(None, BASE, size::INSTANCES, what)?;
        if on_demand_base > max_size {
            let max = self.called(None, "capacity.max_size");
            let rule = format!("must not be larger than {max}, which is {max_size}");
            self.problem(None, BASE, &on_demand_base.to_string(), rule);
            return None;
        }
        Some(Spot { on_demand_base })
    }

    /// How the tasks of a service are Spot ones, if they are.
    pub(super) fn spot_of_tasks(&mut self, wanted: &'a Wanted, run_on: RunOn) -> Option<Spot> {
        const BASE: &str = "on_demand_base";
        let of = Some(wanted);
        if let (Some(said), RunOn::Instances) = (self.text(of, "spot"), run_on) {
            let rule = "means nothing on instances: `spot` in [capacity] makes those Spot ones";
            self.problem(of, "spot", said, rule);
            return None;
        }
        if self.text(of, "spot") != Some("true") {
            if let Some(base) = self.text(of, BASE) {
                let rule = "means nothing without `spot`: all tasks are on demand";
                self.problem(of, BASE, base, rule);
            }
            return None;
        }
        let on_demand_base = self.whole(of, BASE, size::COUNT, "a number of tasks")?;
        Some(Spot { on_demand_base })
    }

    /// What is said of instances means nothing where there are none.
    fn no_instances(&mut self, usual: Pattern) {
        let nothing = format!("means nothing for {usual}, which has no instances");
        if let Some(entry) = self.wish.table.0.get("capacity") {
            if entry.key.spot().is_some() {
                let rule =
                    "no service runs on instances; say run_on = \"instances\", or remove the table";
                self.problem_at("capacity".to_owned(), Some(&entry.key), "", rule.to_owned());
            } else {
                for key in ["instance_type", "ami", "min_size", "max_size"] {
                    let path = format!("capacity.{key}");
                    if let Some(text) = self.text(None, &path) {
                        self.problem(None, &path, text, nothing.clone());
                    }
                }
            }
        }
        if self.wish.refresh_ami {
            self.problems.add("--refresh-ami", "", nothing);
        }
    }

    fn ami(&mut self) -> Option<Ami> {
        let refresh = self.wish.refresh_ami;
        let Some(said) = self.text(None, "capacity.ami") else {
            return Some(Ami::Latest { refresh });
        };
        if refresh {
            let ami = self.called(None, "capacity.ami");
            self.problems.add(
                "--refresh-ami",
                "",
                format!("cannot be combined with {ami}, which says which image"),
            );
        }
        self.keep(None, "capacity.ami", said, spec::check_ami(said)).map(Ami::Exactly)
    }
}
