//! The face for programs: JSON over HTTP, one route for every act of the services.
//!
//! It parses at the edge, asks who is there, calls one service and says what came of it. It decides
//! nothing about documents, keys or people.
