//! Facts that only AWS can confirm.

/// The list is written once: variants, their names, and the list of all.
macro_rules! doubts {
    ($($(#[$about:meta])+ $doubt:ident = $name:literal,)+) => {
        /// A fact in doubt that falls the other way than is assumed. `docs/aws-facts.md` has them by
        /// name, with what is assumed; each variant says what holds instead.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Doubt {
            $($(#[$about])+ $doubt,)+
        }

        impl Doubt {
            /// Every doubt there is.
            pub const ALL: &[Self] = &[$(Self::$doubt,)+];

            /// What `docs/aws-facts.md` calls it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$doubt => $name,)+
                }
            }
        }
    };
}

doubts! {
    /// An alias record cannot point at a load balancer that AWS does not show yet.
    AliasTargetUnseen = "alias-target-unseen",
    /// `CreateCluster` with other tags is refused when the cluster is there.
    CreateClusterComparesTags = "create-cluster-compares-tags",
    /// `DeregisterTaskDefinition` takes effect some seconds later.
    DeregistrationLags = "deregistration-lags",
    /// A provider cannot be detached when its group is gone.
    DetachFailsWithoutGroup = "detach-fails-without-group",
    /// A task on an instance that drains counts as stopped without a word of its agent.
    DrainingNeedsNoAgent = "draining-needs-no-agent",
    /// ECS counts no failed tasks of a deployment, and its circuit breaker never trips.
    FailedTasksUncounted = "failed-tasks-uncounted",
    /// In an account without ECS's role, the first `CreateCluster` makes the role and is refused.
    FirstClusterIsRefused = "first-cluster-is-refused",
    /// A forced delete of a group keeps an instance in `Terminating:Wait`.
    ForceDeleteKeepsHookedInstances = "force-delete-keeps-hooked-instances",
    /// Container Insights writes its log group again after the cluster is gone.
    InsightsWritesAfterCluster = "insights-writes-after-cluster",
    /// A service with a capacity provider strategy tells a launch type besides.
    LaunchTypeBesideStrategy = "launch-type-beside-strategy",
    /// `CreateServiceLinkedRole` says in another way that the role is there.
    LinkedRoleTakenOtherwise = "linked-role-taken-otherwise",
    /// `GetParametersByPath` shows earlier versions of a parameter for a while.
    ListingShowsEarlierVersions = "listing-shows-earlier-versions",
    /// A provider's name is not free as soon as it is `INACTIVE`.
    ProviderNameStaysTaken = "provider-name-stays-taken",
    /// An instance that registered before its provider was associated never gets the provider's name.
    RegisteredBeforeAssociation = "registered-before-association",
    /// `RegisterTaskDefinition` is checked for `*`.
    RegistrationNamesNoResource = "registration-names-no-resource",
    /// `CreateService` is refused while its load balancer is being provisioned.
    ServiceNeedsActiveBalancer = "service-needs-active-balancer",
    /// ECS leaves the instances of a service that is deleted registered with Cloud Map.
    ServiceLeavesInstances = "service-leaves-instances",
    /// A call about something that has just gone is denied for its missing tags.
    WhatIsGoneIsDenied = "what-is-gone-is-denied",
    /// The zone of a namespace goes a while after it.
    ZoneOutlivesNamespace = "zone-outlives-namespace",
}
