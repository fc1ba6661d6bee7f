//! The coordinator's package on a machine with systemd, as in the README.

use fleet_tests::lab::Lab;

const IS_ONLINE: &str = "fleet host ls | grep lab-2 | grep -q online";

#[test]
fn the_coordinators_package_is_installed_begun_and_serves() -> anyhow::Result<()> {
    let lab = Lab::new("package")?;
    lab.start_server(1)?;
    let package = lab.copy_package(1, "fleet-coordinator.deb")?;
    let on_server = |script: &str| lab.on_server(1, script);
    on_server(&format!("dpkg --install {package}"))?;
    // Nothing serves before there is something to serve.
    on_server("systemctl enable --now fleet-coordinator && ! systemctl is-active fleet-coordinator")?;

    let address = format!("{}:7443", lab.server_address(1));
    let said = on_server(&format!("fleet-coordinator init --data-dir /var/lib/fleet --address {address}"))?;
    let token = said.split_whitespace().find(|word| word.starts_with("fleet1.")).unwrap_or_default().to_owned();
    on_server("systemctl enable --now fleet-coordinator")?;
    // A command on the coordinator's machine and one elsewhere connect in the same way.
    until(&lab, "the coordinator to listen", "ss -tln | grep -q :7443")?;
    on_server(&format!("fleet login {token}"))?;
    assert!(on_server("fleet status")?.contains("host"), "{}", on_server("fleet status")?);
    let line = on_server("fleet host add lab-2")?;
    assert!(line.contains("fleet-agent-installer.sh"), "{line}");
    on_server("test -s /usr/share/fleet/fleet-agent-installer.sh")?;
    lab_server_joins(&lab, on_server("fleet host add lab-2 --token-only")?.trim())?;

    let owners = on_server("stat -c '%U %a' /var/lib/fleet; find /var/lib/fleet ! -user fleet")?;
    assert_eq!(owners.trim(), "fleet 700", "it runs as a user of its own, who alone has its files");
    on_server("systemctl restart fleet-coordinator")?;
    until(&lab, "the host to be back", IS_ONLINE)?;

    on_server("dpkg --remove fleet-coordinator && ! systemctl is-active fleet-coordinator")?;
    on_server("test -f /var/lib/fleet/ca.crt")?;
    // Installed again, it is who it was.
    on_server(&format!("dpkg --install {package} && systemctl enable --now fleet-coordinator"))?;
    until(&lab, "the host to be back", IS_ONLINE)
}

/// Waits until a command on the coordinator's machine succeeds.
fn until(lab: &Lab, what: &str, script: &str) -> anyhow::Result<()> {
    lab.until(what, |lab| lab.on_server(1, script).ok()).map(drop)
}

/// Another lab server joins it.
fn lab_server_joins(lab: &Lab, token: &str) -> anyhow::Result<()> {
    lab.start_server(2)?;
    let installer = lab.copy_package(2, "fleet-agent-installer.sh")?;
    lab.on_server(2, &format!("sh {installer} {token}"))?;
    until(lab, "the host to be online", IS_ONLINE)
}
