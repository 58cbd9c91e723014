//! Which workers there are to be, and on which hosts.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::resolve::Resolved;
use super::settings::Settings;
use super::value::{Value, WorkerCount};
use super::{ConfigError, Environment, Origin};
use crate::launch::{Allocation, hexadecimal};
use crate::model::{HostId, HostSpec, Reach, WorkerSpec};

/// xdist's variable that says what `auto` is.
const AUTO_VARIABLE: &str = "PYTEST_XDIST_AUTO_NUM_WORKERS";

/// How strong the top of the project's file is.
const TOP: usize = 1;

/// The workers of a run and the hosts they run on.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    pub(super) workers: Vec<WorkerSpec>,
    pub(super) hosts: Vec<HostSpec>,
}

impl Fleet {
    /// Adds the workers of a specification, on a host that is there already if it is the same in all but what a worker has
    /// of its own.
    fn add(&mut self, spec: HostSpec) {
        let workers = usize::from(spec.workers);
        let mut worker = WorkerSpec { env: spec.env.clone(), ..WorkerSpec::default() };
        let mut host = HostSpec { workers: 0, env: Vec::new(), passed: Vec::new(), ..spec };
        if host.is_local() {
            worker.python = host.python.take();
            worker.chdir = host.chdir.take();
        }
        let known =
            self.hosts.iter().position(|known| HostSpec { workers: 0, ..known.clone() } == host);
        let place = known.unwrap_or_else(|| {
            self.hosts.push(host);
            self.hosts.len() - 1
        });
        worker.host = HostId(u32::try_from(place).unwrap_or(u32::MAX));
        self.hosts[place].workers = self.hosts[place].workers.saturating_add(spec.workers);
        self.workers.extend(std::iter::repeat_n(worker, workers));
    }

    /// The first worker alone, on its host: no other is to be reached.
    pub(super) fn first(self) -> Self {
        let Some(worker) = self.workers.into_iter().next() else { return Self::default() };
        let host = self.hosts.into_iter().nth(worker.host.0 as usize);
        let hosts = host.into_iter().map(|host| HostSpec { workers: 1, ..host }).collect();
        Self { workers: vec![WorkerSpec { host: HostId(0), ..worker }], hosts }
    }

    /// Two hosts of one name are told apart by a number.
    fn name_apart(&mut self) {
        for place in 1..self.hosts.len() {
            let name = self.hosts[place].name.clone();
            let is_taken = |name: &str| self.hosts[..place].iter().any(|host| host.name == name);
            if is_taken(&name) {
                let free = (2..).map(|number| format!("{name}-{number}"));
                let free = free.into_iter().find(|name| !is_taken(name));
                self.hosts[place].name = free.unwrap_or(name);
            }
        }
    }

    fn of(
        specs: impl IntoIterator<Item = HostSpec>,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let mut fleet = Self::default();
        for mut spec in specs {
            for name in std::mem::take(&mut spec.passed) {
                let value = environment.get(&name).map(str::to_owned);
                let value = value.ok_or_else(|| ConfigError::HostVariable {
                    name: name.clone(),
                    host: spec.name.clone(),
                })?;
                spec.env.push((name, value));
            }
            fleet.add(spec);
        }
        fleet.name_apart();
        fleet.name_interpreters();
        Ok(fleet)
    }

    /// Where no worker of this machine is run by the suite's own interpreter, that one is not looked for: it may have no
    /// pytest, or not be there.
    fn name_interpreters(&mut self) {
        for (id, host) in (0..).map(HostId).zip(&mut self.hosts) {
            if host.is_local() {
                let mut own = self.workers.iter().filter(|worker| worker.host == id);
                let first = own.next().and_then(|worker| worker.python.clone());
                host.python = first.filter(|_| own.all(|worker| worker.python.is_some()));
            }
        }
    }
}

/// Whether the workers are to be those of an allocation of Slurm: if that is asked for, and nothing else at a stronger place.
pub(super) fn are_slurms(resolved: &Resolved) -> Result<bool, ConfigError> {
    let (settings, project) = (&resolved.settings, &resolved.project);
    let (slurm, workers, tx) = (&settings.slurm_options, &settings.workers, &settings.tx);
    if slurm.value.is_empty() {
        return Ok(false);
    }
    let tables = project.origin.clone().filter(|_| !project.hosts.is_empty());
    let others = [
        tables.map(|origin| ("[[host]]", TOP, origin)),
        (!tx.value.is_empty()).then(|| ("tx", tx.strength, tx.origin())),
        (workers.strength > 0).then(|| ("workers", workers.strength, workers.origin())),
    ];
    match others.into_iter().flatten().max_by_key(|(_, strength, _)| *strength) {
        Some((_, strength, _)) if strength > slurm.strength => Ok(false),
        Some((key, strength, other)) if strength == slurm.strength => {
            Err(ConfigError::BesideSlurm { slurm: slurm.origin(), other, key })
        }
        Some(_) | None => Ok(true),
    }
}

/// One specification a worker.
///
/// As in xdist, a number of workers means that many plain ones, whatever `tx` says; but a `tx` that was set at a stronger
/// place than the number (on the command line, where the number stands in a file) wins over it. The tables `[[host]]` stand
/// at the top of the project's file, and so does what is as strong as they are.
///
/// Those of an allocation are not known yet: in their place are workers of this machine.
pub(super) fn fleet(
    resolved: &Resolved,
    environment: &Environment,
    is_slurms: bool,
) -> Result<Fleet, ConfigError> {
    if is_slurms {
        return local(&resolved.settings, environment);
    }
    let mut fleet = asked_for(resolved, environment)?;
    for host in fleet.hosts.iter_mut().filter(|host| host.sync.is_some()) {
        host.chdir.get_or_insert_with(|| place_of(&resolved.cwd));
    }
    Ok(fleet)
}

/// Where a project is brought to on a host if nobody says where: below the user's directory there, apart from others of the
/// same name.
fn place_of(root: &Path) -> String {
    let name = root.file_name().unwrap_or_default().to_string_lossy();
    let hash = Sha256::digest(root.as_os_str().as_encoded_bytes());
    let hash = hexadecimal(&hash[..4]);
    format!("~/.cache/callsheet/projects/{name}-{hash}")
}

fn asked_for(resolved: &Resolved, environment: &Environment) -> Result<Fleet, ConfigError> {
    let settings = &resolved.settings;
    let (workers, tx) = (&settings.workers, &settings.tx);
    if !tx.value.is_empty() && tx.strength > workers.strength {
        let wrong = |error| ConfigError::Spec { origin: tx.origin(), error: Box::new(error) };
        let lists = tx.value.iter().map(|text| HostSpec::parse_many(text).map_err(wrong));
        return Fleet::of(lists.collect::<Result<Vec<_>, _>>()?.concat(), environment);
    }
    if !resolved.project.hosts.is_empty() && workers.strength == 0 {
        return Fleet::of(resolved.project.hosts.iter().cloned(), environment);
    }
    local(settings, environment)
}

fn local(settings: &Settings, environment: &Environment) -> Result<Fleet, ConfigError> {
    let count = plain(settings, environment)?;
    let local = HostSpec { workers: count, ..HostSpec::default() };
    Fleet::of([HostSpec { name: local.reach.default_name(), ..local }], environment)
}

/// How many workers of this machine there are to be.
fn plain(settings: &Settings, environment: &Environment) -> Result<u16, ConfigError> {
    let workers = &settings.workers;
    let (count, origin) = match workers.value {
        WorkerCount::Count(count) => (usize::from(count), workers.origin()),
        WorkerCount::Auto | WorkerCount::Logical => automatic(environment)?,
    };
    if count == 0 {
        return Err(ConfigError::NoWorkers(origin));
    }
    let most = settings
        .max_processes
        .value
        .0
        .map_or(count, |most| usize::try_from(most.get()).unwrap_or(usize::MAX));
    Ok(u16::try_from(count.min(most)).unwrap_or(u16::MAX))
}

/// How many `auto` is, and who says so.
fn automatic(environment: &Environment) -> Result<(usize, Origin), ConfigError> {
    let Some(text) = environment.get(AUTO_VARIABLE).filter(|text| !text.is_empty()) else {
        return Ok((environment.cpus.get(), Origin::Default));
    };
    let origin = Origin::Variable(AUTO_VARIABLE.to_owned());
    match WorkerCount::from_text(text) {
        Some(WorkerCount::Count(count)) => Ok((count.into(), origin)),
        Some(WorkerCount::Auto | WorkerCount::Logical) | None => Err(ConfigError::Value {
            key: "workers".to_owned(),
            origin,
            found: text.to_owned(),
            expected: "a number from 1 to 65535",
        }),
    }
}

/// The workers and hosts of an allocation: a host a node, with a worker for each of its tasks, or for each of its CPUs.
pub(super) fn on_nodes(allocation: &Allocation) -> (Vec<WorkerSpec>, Vec<HostSpec>) {
    let mut fleet = Fleet::default();
    for node in &allocation.nodes {
        let (job, name) = (allocation.job.clone(), node.name.clone());
        let cpus = u16::try_from(node.cpus).unwrap_or(u16::MAX);
        fleet.add(HostSpec {
            name: name.clone(),
            reach: Reach::Slurm { job, node: name, cpus: node.cpus },
            workers: node.tasks.unwrap_or(cpus).max(1),
            ..HostSpec::default()
        });
    }
    (fleet.workers, fleet.hosts)
}
