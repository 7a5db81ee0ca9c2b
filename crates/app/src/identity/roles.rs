//! The roles that every installation has, what each allows, and what a role of a tenant may be.

use fedatario_base::Permission;

/// The role that rules a tenant: one member at least holds it without an end.
pub const OWNER: &str = "tenant_admin";

/// The built-in roles of tenants, in the order in which people are shown them.
pub const OF_TENANTS: &[&str] = &[OWNER, "signer", "approver", "operator", "auditor", "viewer"];

/// The roles on the installation itself. They never hold what signs or what opens the vault.
pub const OF_PLATFORM: &[&str] = &["platform_admin", "platform_support"];

/// The longest name of a role, in bytes.
pub const NAME_BYTES_AT_MOST: usize = 48;

/// What a built-in role allows; none if there is no such role.
pub fn built_in(name: &str) -> Option<Vec<Permission>> {
    use Permission::*;
    let these = |list: &[Permission]| Some(list.to_vec());
    let reading = [TaxpayerRead, CredentialRead, DocumentRead, JobRead, UserRead];
    match name {
        OWNER => Some(Permission::of_tenants()),
        "signer" => Some([&reading[..], &[CredentialUpload, CredentialSign, InvoiceEmit]].concat()),
        "approver" => Some([&reading[..], &[ApprovalSend]].concat()),
        "operator" => Some([&reading[..], &[TaxpayerWrite, SatAsk, DocumentImport, DocumentExport, JobManage]].concat()),
        "auditor" => Some([&reading[..], &[DocumentExport, AuditRead, AuditExport]].concat()),
        "viewer" => these(&reading),
        "platform_admin" => Some(of_platform()),
        "platform_support" => these(&[PlatformTenantRead, PlatformMetricsRead]),
        _ => None,
    }
}

/// Every permission on the installation.
pub fn of_platform() -> Vec<Permission> {
    Permission::ALL.iter().copied().filter(|it| it.is_platform()).collect()
}

/// Whether a role of a tenant may have this name: small letters, digits, `_` and `-`, a letter first,
/// and none that is built in.
pub fn is_own_name(name: &str) -> bool {
    let shaped = name.len() <= NAME_BYTES_AT_MOST
        && name.starts_with(|it: char| it.is_ascii_lowercase())
        && name.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_' || it == b'-');
    shaped && built_in(name).is_none() && !name.starts_with("platform_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platform_roles_hold_nothing_of_tenants_and_tenants_nothing_of_the_platform() {
        for name in OF_PLATFORM {
            assert!(built_in(name).unwrap().iter().all(|it| it.is_platform()), "{name}");
        }
        for name in OF_TENANTS {
            assert!(built_in(name).unwrap().iter().all(|it| !it.is_platform()), "{name}");
        }
        fedatario_testkit::covers!("roles: platform roles never hold what signs, opens the vault or reads documents");
    }

    #[test]
    fn names_of_own_roles() {
        for good in ["cajero", "cuentas-por-pagar", "turno_2"] {
            assert!(is_own_name(good), "{good}");
        }
        for bad in ["", "2turno", "Cajero", "tenant_admin", "platform_boss", "a b", "ñ", &"a".repeat(49)] {
            assert!(!is_own_name(bad), "{bad}");
        }
    }
}
