//! A ranker against what people took next.
//!
//! The columns are computed by the functions that compute them for the server.
//! Data without times has no ages and no recent enrolments: those are 0.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use lyceum_domain::{
    plugin::Extensions as _,
    ranking::{
        Column, RankContext, Ranker,
        history::{HOLDERS, Holding, NEIGHBOURS, REMEMBERED, author_affinity, co_enrolment},
    },
};
use serde_json::json;

use super::{
    Report,
    figures::{hit_rate, ndcg, percentile, recall},
    host_with, progress, tsv,
};
use crate::StartError;

#[derive(Debug, clap::Args)]
pub struct Ranking {
    /// A first-party plugin's name, or a component file.
    plugin: String,
    /// Who took what: tab-separated, with the columns user_id, item_id and seq.
    #[arg(long, value_name = "FILE")]
    train: PathBuf,
    /// What they took next, in the same columns; in its place the last of --train.
    #[arg(long, value_name = "FILE", conflicts_with = "hold_out")]
    test: Option<PathBuf>,
    /// The items, with the columns item_id and authors. Without it they are those of --train.
    #[arg(long, value_name = "FILE")]
    items: Option<PathBuf>,
    /// Without --test: so many of each user's last rows are the answers.
    #[arg(long, value_name = "ROWS", default_value_t = 5)]
    hold_out: usize,
}

/// All that is known, with items as numbers from 0.
struct Data {
    /// For each user what they took, the earliest first, and what they took next.
    users: Vec<(Vec<u32>, HashSet<u32>)>,
    authors: Vec<Option<String>>,
    /// For each item the users that have it, in the order of the file.
    holders: Vec<Vec<u32>>,
}

pub async fn report(asked: &Ranking) -> Result<Report, StartError> {
    let data = read(asked)?;
    let host = host_with(&asked.plugin).await?;
    let ranker = host.ranker().ok_or_else(|| StartError::Other(format!("{} is no ranker", asked.plugin)))?;
    let mut sums = Sums::default();
    let start = Instant::now();
    let bar = progress(data.users.len(), "users");
    for user in 0..data.users.len() {
        let ranked = data.ranked(user, &ranker, &mut sums.calls).await?;
        sums.add(&ranked, data.users[user].1.len());
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(sums.report(asked, &ranker, start.elapsed()))
}

#[derive(Default)]
struct Sums {
    users: u32,
    candidates: usize,
    ndcg: f64,
    hit_rate: f64,
    recall: f64,
    calls: Vec<Duration>,
}

impl Sums {
    fn add(&mut self, ranked: &[bool], answers: usize) {
        if answers == 0 {
            return;
        }
        self.users += 1;
        self.candidates += ranked.len();
        self.ndcg += ndcg(ranked, answers, 10);
        self.hit_rate += hit_rate(ranked, 10);
        self.recall += recall(ranked, answers, 20);
    }

    fn report(mut self, asked: &Ranking, ranker: &Arc<dyn Ranker>, took: Duration) -> Report {
        let mean = |sum: f64| sum / f64::from(self.users.max(1));
        let figures = json!({
            "plugin": ranker.name(),
            "columns": ranker.columns().join(", "),
            "answers": asked.test.as_ref().map_or(format!("the last {} of --train", asked.hold_out), |path| path.display().to_string()),
            "users": self.users,
            "candidates a user": mean(self.candidates as f64),
            "NDCG@10": mean(self.ndcg),
            "HitRate@10": mean(self.hit_rate),
            "Recall@20": mean(self.recall),
            "calls": self.calls.len(),
            "p50 ms a call": percentile(&mut self.calls, 0.5),
            "p99 ms a call": percentile(&mut self.calls, 0.99),
            "seconds": took.as_secs_f64(),
        });
        figures.as_object().cloned().unwrap_or_default()
    }
}

impl Data {
    /// Whether each candidate is an answer, in the order of the ranker. Candidates
    /// are all items that the user has not, in one call: the limits grow with the list.
    async fn ranked(
        &self,
        user: usize,
        ranker: &Arc<dyn Ranker>,
        calls: &mut Vec<Duration>,
    ) -> Result<Vec<bool>, StartError> {
        let (mine, answers) = &self.users[user];
        let have: HashSet<u32> = mine.iter().copied().collect();
        let all = 0..u32::try_from(self.holders.len()).unwrap_or(u32::MAX);
        let candidates: Vec<u32> = all.filter(|item| !have.contains(item)).collect();
        let columns = ranker.columns().iter().map(|name| (name.clone(), self.column(name, user, &candidates)));
        let columns: Vec<(String, Column)> = columns.collect();
        let context = RankContext {
            surface: "recommended-courses".to_owned(),
            locale: "en".to_owned(),
            now_ms: 0,
            count: u32::try_from(candidates.len()).unwrap_or(u32::MAX),
        };
        let start = Instant::now();
        let scores = ranker.rank(&context, columns).await.map_err(|failure| StartError::Other(failure.to_string()))?;
        calls.push(start.elapsed());
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        Ok(order.into_iter().map(|at| answers.contains(&candidates[at])).collect())
    }

    fn column(&self, name: &str, user: usize, candidates: &[u32]) -> Column {
        let latest = || self.users[user].0.iter().rev().take(REMEMBERED);
        match name {
            "enrolments" => Column::U32(candidates.iter().map(|item| self.holding(*item).holders).collect()),
            "co-enrolment" => {
                let holdings = |items: &mut dyn Iterator<Item = &u32>| items.map(|item| self.holding(*item)).collect();
                let (mine, others): (Vec<Holding>, _) = (holdings(&mut latest()), self.neighbours(user));
                let candidates: Vec<Holding> = holdings(&mut candidates.iter());
                Column::F32(co_enrolment(&mine, &others, &candidates))
            }
            "author-affinity" => {
                let author = |item: &u32| self.authors[*item as usize].as_deref();
                let mine: Vec<_> = latest().map(author).collect();
                Column::F32(author_affinity(&mine, &candidates.iter().map(author).collect::<Vec<_>>()))
            }
            "price-minor" => Column::U64(vec![0; candidates.len()]),
            "age-hours" | "affinity" => Column::F32(vec![0.0; candidates.len()]),
            _ => Column::U32(vec![0; candidates.len()]),
        }
    }

    fn holding(&self, item: u32) -> Holding {
        let holders = u32::try_from(self.holders[item as usize].len()).unwrap_or(u32::MAX);
        Holding { item, holders }
    }

    /// As the server's statement chooses them: of the latest holders of the user's
    /// latest items those who share most.
    fn neighbours(&self, user: usize) -> Vec<Vec<u32>> {
        let mut shared: HashMap<u32, u32> = HashMap::new();
        for item in self.users[user].0.iter().rev().take(REMEMBERED) {
            for other in self.holders[*item as usize].iter().rev().take(HOLDERS) {
                *shared.entry(*other).or_default() += 1;
            }
        }
        shared.remove(&u32::try_from(user).unwrap_or(u32::MAX));
        let mut shared: Vec<(u32, u32)> = shared.into_iter().map(|(other, count)| (count, other)).collect();
        shared.sort_unstable_by(|a, b| b.cmp(a));
        shared.into_iter().take(NEIGHBOURS).map(|(_, other)| self.users[other as usize].0.clone()).collect()
    }
}

/// Item ids as numbers from 0, in the order in which they come.
#[derive(Default)]
struct Numbers(HashMap<String, u32>);

impl Numbers {
    fn of(&mut self, id: &str) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        *self.0.entry(id.to_owned()).or_insert(next)
    }
}

/// What each user took, in order.
type Taken = BTreeMap<String, Vec<u32>>;

fn read(asked: &Ranking) -> Result<Data, StartError> {
    let mut numbers = Numbers::default();
    let mut authors: Vec<Option<String>> = Vec::new();
    if let Some(path) = &asked.items {
        for (_, [id, author]) in tsv::rows(path, ["item_id", "authors"])? {
            let first = author.split(',').next().unwrap_or_default().trim();
            let place = numbers.of(&id) as usize;
            authors.resize(authors.len().max(place + 1), None);
            authors[place] = (!first.is_empty()).then(|| first.to_owned());
        }
    }
    let train = taken(&asked.train, &mut numbers)?;
    let test = asked.test.as_ref().map(|path| taken(path, &mut numbers)).transpose()?;
    authors.resize(numbers.0.len(), None);
    Ok(data(train, test.as_ref(), asked.hold_out, authors))
}

fn taken(path: &Path, numbers: &mut Numbers) -> Result<Taken, StartError> {
    let mut rows: BTreeMap<String, Vec<(u32, u32)>> = BTreeMap::new();
    for (line, [user, item, seq]) in tsv::rows(path, ["user_id", "item_id", "seq"])? {
        let seq = tsv::number(path, line, "seq", &seq)?;
        rows.entry(user).or_default().push((seq, numbers.of(&item)));
    }
    let in_order = |(user, mut rows): (String, Vec<(u32, u32)>)| {
        rows.sort_by_key(|(seq, _)| *seq);
        (user, rows.into_iter().map(|(_, item)| item).collect())
    };
    Ok(rows.into_iter().map(in_order).collect())
}

fn data(train: Taken, test: Option<&Taken>, hold_out: usize, authors: Vec<Option<String>>) -> Data {
    let mut users: Vec<(Vec<u32>, HashSet<u32>)> = Vec::new();
    for (user, mut items) in train {
        let answers = match test {
            Some(test) => test.get(&user).cloned().unwrap_or_default(),
            None => items.split_off(items.len().saturating_sub(hold_out)),
        };
        users.push((items, answers.into_iter().collect()));
    }
    let mut holders = vec![Vec::new(); authors.len()];
    for (user, (items, _)) in users.iter().enumerate() {
        items.iter().for_each(|item| holders[*item as usize].push(u32::try_from(user).unwrap_or(u32::MAX)));
    }
    Data { users, authors, holders }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use lyceum_domain::plugin::PluginFailure;

    use super::*;

    /// Ranks by how many have an item.
    struct Popular(Vec<String>);

    #[async_trait]
    impl Ranker for Popular {
        fn name(&self) -> &str {
            "test/popular"
        }

        fn columns(&self) -> &[String] {
            &self.0
        }

        async fn rank(&self, _: &RankContext, columns: Vec<(String, Column)>) -> Result<Vec<f32>, PluginFailure> {
            match &columns[0].1 {
                Column::U32(counts) => Ok(counts.iter().map(|count| *count as f32).collect()),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Two users: the first has 0 and took 2 next, the second has 0 and 1 and took 3.
    fn two() -> Data {
        let train = [("a", vec![0, 2]), ("b", vec![0, 1, 3])].map(|(user, items)| (user.to_owned(), items));
        data(train.into_iter().collect(), None, 1, vec![None; 4])
    }

    #[tokio::test]
    async fn the_measures_of_two_users_are_those_by_hand() {
        let ranker: Arc<dyn Ranker> = Arc::new(Popular(vec!["enrolments".to_owned()]));
        let (data, mut sums) = (two(), Sums::default());
        for user in 0..2 {
            let ranked = data.ranked(user, &ranker, &mut sums.calls).await.expect("it ranks");
            sums.add(&ranked, data.users[user].1.len());
        }
        // The first sees 1, 2, 3: the answer is second. The second sees 2, 3: second too.
        assert_eq!((sums.users, sums.candidates, sums.hit_rate, sums.recall), (2, 5, 2.0, 2.0));
        assert_eq!(sums.ndcg, 2.0 / 3.0_f64.log2());
    }

    #[test]
    fn answers_are_in_no_column() {
        let data = two();
        assert_eq!(data.column("enrolments", 0, &[1, 2, 3]), Column::U32(vec![1, 0, 0]));
        assert_eq!(data.neighbours(0), [vec![0, 1]]);
    }
}
