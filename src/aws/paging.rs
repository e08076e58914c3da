//! Listings that come in pages.

use aws_smithy_async::future::pagination_stream::PaginationStream;

/// A listing of the SDK, which asks for the next page when it is read on.
#[expect(async_fn_in_trait, reason = "everything runs on one thread, so no future has to be Send")]
pub trait AllPages<T, E> {
    /// Everything that is listed, from all pages, or the first refusal.
    async fn all(self) -> Result<Vec<T>, E>;
}

impl<T, E> AllPages<T, E> for PaginationStream<Result<T, E>> {
    async fn all(self) -> Result<Vec<T>, E> {
        self.collect().await
    }
}
