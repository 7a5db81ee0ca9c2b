//! The roles that every installation has, and what each allows.

use fedatario_base::Permission;

/// What a built-in role allows; none if there is no such role.
pub fn built_in(name: &str) -> Option<Vec<Permission>> {
    use Permission::*;
    let these = |list: &[Permission]| Some(list.to_vec());
    let reading = [TaxpayerRead, CredentialRead, DocumentRead, JobRead, UserRead];
    match name {
        "tenant_admin" => Some(Permission::of_tenants()),
        "signer" => Some([&reading[..], &[CredentialUpload, CredentialSign, InvoiceEmit]].concat()),
        "approver" => Some([&reading[..], &[ApprovalSend]].concat()),
        "operator" => Some([&reading[..], &[TaxpayerWrite, SatAsk, DocumentImport, DocumentExport, JobManage]].concat()),
        "auditor" => Some([&reading[..], &[DocumentExport, AuditRead, AuditExport]].concat()),
        "viewer" => these(&reading),
        "platform_admin" => Some(Permission::ALL.iter().copied().filter(|it| it.is_platform()).collect()),
        "platform_support" => these(&[PlatformTenantRead, PlatformMetricsRead]),
        _ => None,
    }
}
