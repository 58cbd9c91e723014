//! Hosts that are reached by ssh, while nothing fails.

use crate::support::Running;

use super::machines::Machines;

#[test]
fn two_hosts_run_what_one_machine_runs() {
    let Some(machines) = Machines::start(2) else { return };
    let project = super::suite();
    let alone = project.run(&["-n", "2", "-v"]);
    let args = ["--tx", "2*ssh=n1", "--tx", "2*ssh=n2", "-v"];
    let told = Running::start(machines.command(&project, &args)).end();
    told.assert(alone.code.unwrap(), alone.counts());
    told.says("host n1: copying the agent").says("host n2: pytest");
    machines.assert_clean();
    // The second time the agent is there.
    let told = Running::start(machines.command(&project, &args)).end();
    told.assert(alone.code.unwrap(), alone.counts()).is_silent_on("copying");
    machines.assert_clean();
}
